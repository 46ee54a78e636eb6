import { isOnLoopback } from '../protocol/kinds.ts'
import { Problem } from '../protocol/problem.ts'
import type { Roots } from './roots.ts'

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
