import { Elysia } from 'elysia'
import { health } from './features/health.ts'
import { inference } from './features/inference.ts'
import { access } from './gate/access.ts'
import type { KeySet } from './gate/keyset.ts'
import { limited } from './gate/limited.ts'
import type { Limiter } from './gate/limiter.ts'
import { observe } from './gate/observe.ts'
import { answer, problems } from './gate/problems.ts'
import { readTarget } from './gate/target.ts'
import { tokens } from './gate/tokens.ts'
import type { Route } from './protocol/exchange.ts'
import type { Log } from './protocol/log.ts'
import type { Expected } from './protocol/token.ts'
import type { Keys } from './store/keys.ts'
import type { Store } from './store/store.ts'
import type { Backend } from './upstream/backends.ts'
import type { Call } from './upstream/call.ts'
import { forwardTo } from './upstream/forward.ts'
import { kept } from './upstream/kept.ts'
import { hpkeKeysSource } from './upstream/sources.ts'
import type { Transport } from './upstream/transport.ts'

const HPKE_KEYS_KEPT_MS = 5000

/** Everything a gateway is made of. */
export interface Parts {
  version: string
  log: Log
  /** Milliseconds since the epoch. */
  now: () => number
  store: Store
  keys: Keys
  /** The issuer's signing keys. */
  keySet: KeySet
  /** What a token must be meant for. */
  expected: Expected
  /** Absent when the limit is off. */
  limiter: Limiter | undefined
  rpm: number
  backend: Backend
  call: Call
  send: Transport
  /** Seconds after an answer in which a connection must bring its next request whole. */
  idleSeconds: number
}

/** The gateway, as a function from request to answer, in the order in which a request meets its parts. */
export function gateway(parts: Parts) {
  const { version, log, now, store, keys, keySet, expected, limiter, rpm, backend, call, send, idleSeconds } = parts
  const { around, exchangeOf } = observe({ log, now, idleSeconds })
  const verify = tokens({ keys: keySet, identityKey: keys.identity, expected, now })
  const hpkeKeys = kept({ load: hpkeKeysSource(call, backend), now, keptMs: HPKE_KEYS_KEPT_MS })
  const userAgent = `sealgate/${version}`
  const forward = forwardTo({ backend, send, now, userAgent, onUnprocessable: hpkeKeys.drop })
  // Anyone may ask, and each look is a write: one a second is enough.
  const database = kept({ load: store.isWritable, now, keptMs: 1000 })
  const needs = { 'the database': database.get, 'the signing keys': keySet.isReady }

  const rooms = new Elysia({ name: 'rooms' }).use(health({ version, backends: [backend.name], needs })).use(
    inference({
      access: access({ tokens: verify, exchangeOf }),
      limited: limited({ limiter, rpm, exchangeOf }),
      forward,
      hpkeKeys: hpkeKeys.get,
    }),
  )

  // One spelling a path: no loose trailing slash; and no host short enough to shift the path Elysia routes by.
  const app = new Elysia({ strictPath: true, handler: { standardHostname: false } })
    .onTransform(({ request, route }) => {
      exchangeOf(request).route = route as Route
    })
    .use(problems({ exchangeOf, routes: rooms.routes }))
    .use(rooms)

  const fetch = around(async request => {
    const exchange = exchangeOf(request)
    try {
      exchange.target = readTarget(request)
      return await app.fetch(request)
    } catch (error) {
      return answer(error, exchange)
    }
  })
  return { fetch, routes: rooms.routes }
}
