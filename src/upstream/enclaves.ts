import { enclaveHost, hostMatcher } from '../protocol/enclave-url.ts'
import { Problem } from '../protocol/problem.ts'
import type { Backend } from './backends.ts'

interface Deps {
  backend: Backend
  /** Patterns of the hosts that our key may go to. */
  hosts: readonly string[]
}

/** Where a request goes: the enclave that the client sealed to, as `X-Tinfoil-Enclave-Url` names it, else the backend's own. */
export type Enclaves = (named: string | null) => URL

/**
 * Chooses the enclave. Our key follows the client's header, so it goes to the hosts on the list and to the backend's own
 * origin, and nowhere else.
 * @throws Problem `enclave_not_allowed`
 */
export function enclaves({ backend, hosts }: Deps): Enclaves {
  const isAllowed = hostMatcher(hosts)
  const { base } = backend
  return named => {
    if (named === null || named.toLowerCase().replace(/\/$/, '') === base.origin) return base
    const host = enclaveHost(named)
    if (`https://${host}` === base.origin) return base
    if (host !== undefined && isAllowed(host)) return new URL(`https://${host}`)
    throw new Problem('enclave_not_allowed', 'X-Tinfoil-Enclave-Url names no enclave that this gateway may reach.')
  }
}
