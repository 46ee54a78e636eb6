import { KEYS_PATH } from '../../src/protocol/ehbp.ts'
import { Exchange, type Route } from '../../src/protocol/exchange.ts'
import { requestIdFrom } from '../../src/protocol/ids.ts'
import { Secret } from '../../src/protocol/secret.ts'
import { tinfoil } from '../../src/upstream/backends.ts'
import { cacheSecrets } from '../../src/upstream/cache-secret.ts'
import { cooldown } from '../../src/upstream/cooldown.ts'
import { enclaves } from '../../src/upstream/enclaves.ts'
import { forwardTo } from '../../src/upstream/forward.ts'
import { handOver } from '../../src/upstream/hand-over.ts'
import { replays } from '../../src/upstream/replays.ts'
import { transport } from '../../src/upstream/transport.ts'
import { UPSTREAM_KEY } from './gateway.ts'

/** A gateway's way out alone, on a port of its own: anyone may pass, and each exchange can be looked at. */
export interface WayOut {
  readonly url: string
  /** The next exchange to end, those that have ended already first. */
  ended(): Promise<Exchange>
  stop(): Promise<void>
}

/** Starts one in front of an upstream. */
export function wayOut(upstream: string): WayOut {
  const backend = tinfoil(upstream, new Secret(UPSTREAM_KEY))
  const forward = forwardTo({
    backend,
    enclaves: enclaves({ backend, hosts: [] }),
    replays: replays(Date.now),
    cooldown: cooldown(Date.now),
    cacheSecrets: cacheSecrets({ cacheKey: new Uint8Array(32), stallMs: 5000, rules: () => new Map() }),
    maxBodyBytes: 68_157_440,
    maxJsonBytes: 33_554_432,
    plaintext: true,
    rules: () => new Map(),
    handOver: handOver({
      send: transport({ connectMs: 5000, bodyMs: 5000, headerMs: 5000 }),
      identityKey: new Uint8Array(32),
      userAgent: 'sealgate/test',
    }),
    now: Date.now,
    stallMs: 5000,
    onUnprocessable: () => undefined,
  })
  const over: Exchange[] = []
  const waiting: ((exchange: Exchange) => void)[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    development: false,
    idleTimeout: 0,
    fetch: async request => {
      const { pathname } = new URL(request.url)
      if (pathname === KEYS_PATH) return fetch(`${upstream}${KEYS_PATH}`)
      const exchange = new Exchange(requestIdFrom(request.headers.get('x-request-id')), Date.now())
      exchange.target = { path: pathname, query: '' }
      exchange.route = pathname as Route
      exchange.settle = () => {
        const next = waiting.shift()
        if (next) next(exchange)
        else over.push(exchange)
      }
      const answer = await forward(request, exchange)
      if (exchange.passed) exchange.settle({ ...exchange.passed, status: answer.status })
      return answer
    },
  })
  return {
    url: server.url.origin,
    ended: async () => over.shift() ?? new Promise(resolve => waiting.push(resolve)),
    stop: () => server.stop(true),
  }
}
