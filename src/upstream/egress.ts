import http, { type Agent } from 'node:http'
import https, { type AgentOptions } from 'node:https'
import { isOnLoopback } from '../protocol/kinds.ts'
import { Problem } from '../protocol/problem.ts'
import type { Roots } from './roots.ts'
import { tunnelling } from './tunnel.ts'

/** How other machines are reached: directly, and trusting the public roots, where nothing is told. */
export interface Egress {
  readonly roots?: Roots | undefined
  /** A forward proxy, with its user and password if it asks for them. */
  readonly proxy?: URL | undefined
}

/** The proxy on the way to an address, if one is: none to this machine. @throws Problem for plain http beyond it */
export function proxyTo({ href, protocol }: URL, { proxy }: Egress): URL | undefined {
  if (!proxy || isOnLoopback(href)) return undefined
  // Asked for plain http a proxy answers itself, and its own refusals would pass for the other server's.
  if (protocol === 'https:') return proxy
  throw new Problem(
    'upstream_unreachable',
    'UPSTREAM_PROXY carries https alone: give the other server such an address.',
  )
}

/** The agent by which an origin is asked. @throws Problem as {@link proxyTo} */
export function agents(pool: AgentOptions, egress: Egress, connectMs: number): (origin: URL) => Agent {
  const { roots, proxy } = egress
  const trusting = { ...pool, ...(roots && { secureContext: roots.context }) }
  const plain = new http.Agent(pool)
  const secure = new https.Agent(trusting)
  const tunnelled = proxy && tunnelling(trusting, proxy, connectMs)
  return origin => {
    const direct = origin.protocol === 'https:' ? secure : plain
    return tunnelled && proxyTo(origin, egress) ? tunnelled : direct
  }
}
