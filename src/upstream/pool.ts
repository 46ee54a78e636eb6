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

// Usual servers keep a connection for a minute and more; of those that keep it for less, many say so.
const FREE_MS = 15_000

/** Keeps what is free for the next request, for some milliseconds. */
export function pool(egress: Egress, connectMs: number, freeMs = FREE_MS): Pool {
  const sites = new Map<string, Site>()
  const tunnel = egress.proxy && tunnelling(egress.roots, egress.proxy, connectMs)

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
    const site = new Site(dialling(origin), freeMs, () => performance.now())
    sites.set(origin.origin, site)
    return site
  }

  return { take: origin => siteOf(origin).take(), fresh: origin => siteOf(origin).another() }
}
