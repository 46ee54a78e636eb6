import type { Tee } from '../tee/tee.ts'
import { pairInFiles } from './files.ts'
import { pairIssued } from './issued.ts'
import { TlsFault } from './pair.ts'
import type { Source } from './source.ts'

interface Settings {
  readonly TLS: 'off' | 'dstack'
  readonly TLS_CERT_FILE?: string | undefined
  readonly TLS_KEY_FILE?: string | undefined
  readonly PUBLIC_URL?: string | undefined
  readonly HOST: string
}

/** Where the gateway's certificates come from, by its settings; nowhere, if TLS ends elsewhere. @throws TlsFault */
export function certificates(settings: Settings, tee: Tee | undefined, now: () => number): Source | undefined {
  const { TLS, TLS_CERT_FILE: cert, TLS_KEY_FILE: key } = settings
  if (cert !== undefined && key !== undefined) return pairInFiles({ cert, key }, now)
  if (TLS !== 'dstack') return undefined
  if (!tee)
    throw new TlsFault('agent', 'TLS: dstack needs the guest agent of a TEE, and none is here: give TLS_CERT_FILE.')
  return pairIssued({ agent: tee.agent, host: hostOf(settings), now })
}

/** What clients know it by, as far as it was told. */
function hostOf({ PUBLIC_URL, HOST }: Settings): string {
  if (PUBLIC_URL !== undefined) return new URL(PUBLIC_URL).hostname
  return HOST === '0.0.0.0' || HOST === '::' ? 'localhost' : HOST
}
