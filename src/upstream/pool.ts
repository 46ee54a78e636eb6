import type { Connection } from './connection.ts'
import { type Egress, proxyTo } from './egress.ts'
import { connect, tunnelled } from './line.ts'
import { Site } from './site.ts'
import { tunnelling } from './tunnel.ts'

/** Connections to each origin. */
export interface Pool {
  /** One that stands and is free, or a new one. @throws Problem as {@link proxyTo} */
  take(origin: URL): Connection
  /** A new one. @throws Problem as {@link proxyTo} */
  fresh(origin: URL): Connection
}

// An idle connection goes before the usual servers close it, between one of these and two: a request sent on a closing
// one is lost.
const SWEEP_MS = 15_000

/** Keeps what is free for the next request, for some milliseconds. */
export function pool(egress: Egress, connectMs: number, sweepMs = SWEEP_MS): Pool {
  const sites = new Map<string, Site>()
  const tunnel = egress.proxy && tunnelling(egress.roots, egress.proxy, connectMs)
  let sweeping: ReturnType<typeof setTimeout> | undefined
  let sweeps = 0

  function sweep(): void {
    sweeping = undefined
    sweeps++
    let left = 0
    for (const site of sites.values()) left += site.sweep(sweeps - 1)
    if (left > 0) plan()
  }
  function plan(): number {
    if (!sweeping) {
      sweeping = setTimeout(sweep, sweepMs)
      sweeping.unref()
    }
    return sweeps
  }

  function dialling(origin: URL): (connection: Connection) => void {
    const isSecure = origin.protocol === 'https:'
    const port = Number(origin.port) || (isSecure ? 443 : 80)
    const address = { host: origin.hostname.replace(/^\[|\]$/g, ''), port }
    if (tunnel && proxyTo(origin, egress)) return connection => tunnelled(connection, tunnel(address))
    return connection => connect(connection, address, isSecure, egress.roots)
  }

  /** Origins are those that the operator and the issuer of the list of enclaves name: few. */
  function siteOf(origin: URL): Site {
    const known = sites.get(origin.origin)
    if (known) return known
    const site = new Site(dialling(origin), plan)
    sites.set(origin.origin, site)
    return site
  }

  return { take: origin => siteOf(origin).take(), fresh: origin => siteOf(origin).another() }
}
