// One stretch of a request's path, served alone, so that what each stretch adds can be measured. See path-cost.ts.
import { gateway } from '../src/app.ts'
import { keySet } from '../src/gate/keyset.ts'
import { type Ledger, ledger } from '../src/gate/ledger.ts'
import { limiter } from '../src/gate/limiter.ts'
import { logger } from '../src/gate/log.ts'
import { observe } from '../src/gate/observe.ts'
import { slots } from '../src/gate/slots.ts'
import { metrics } from '../src/metrics/metrics.ts'
import { gathered } from '../src/output.ts'
import type { Route } from '../src/protocol/exchange.ts'
import { NO_METERS } from '../src/protocol/meters.ts'
import { Secret } from '../src/protocol/secret.ts'
import { openStore } from '../src/store/open.ts'
import { timed } from '../src/store/timed.ts'
import { signingKeys } from '../src/tee/signing.ts'
import { tinfoil } from '../src/upstream/backends.ts'
import { openBody } from '../src/upstream/body.ts'
import { cacheSecrets } from '../src/upstream/cache-secret.ts'
import { calls } from '../src/upstream/call.ts'
import { cooldown } from '../src/upstream/cooldown.ts'
import { enclaves } from '../src/upstream/enclaves.ts'
import { forwardTo } from '../src/upstream/forward.ts'
import { handOver } from '../src/upstream/hand-over.ts'
import { replays } from '../src/upstream/replays.ts'
import { keySetSource } from '../src/upstream/sources.ts'
import { tapped } from '../src/upstream/stream.ts'
import { transport } from '../src/upstream/transport.ts'

const { call, send: callOut } = calls()

const [stretch = '', port, upstream = '', jwksUrl = '', path = ''] = Bun.argv.slice(2)
const now = Date.now
const send = transport({ connectMs: 10_000, bodyMs: 60_000, headerMs: 600_000 })
const backend = tinfoil(upstream, new Secret('tk_bench'))
const idleSeconds = 10
const ways = {
  backend,
  now,
  plaintext: true,
  stallMs: 60_000,
  maxBodyBytes: 2 ** 26,
  maxFileBytes: 2 ** 29,
  maxJsonBytes: 2 ** 25,
  headerMs: 600_000,
  rules: () => new Map(),
}
type Serve = (request: Request, server: Bun.Server<undefined>) => Promise<Response>

/** Bun.serve, with our transport and tap behind it. */
const relayed: Serve = async request => {
  const { method, signal } = request
  const headers = { 'content-length': request.headers.get('content-length') ?? '0' }
  const body = await openBody(request, {
    stallMs: 60_000,
    maxBytes: ways.maxBodyBytes,
    took: () => undefined,
    isEnough: () => true,
  })
  const target = { origin: backend.base, method, path: '/v1/chat/completions' }
  const answer = await send({ ...target, headers, body, signal, reached: () => undefined })
  return new Response(tapped(answer, { now, signal, ended: () => undefined }), { headers: { 'x-bench': '1' } })
}

function forwarded(): Serve {
  const { around, exchangeOf } = observe({
    log: () => undefined,
    now,
    idleSeconds,
    proxies: [],
    meters: NO_METERS,
    ended: () => undefined,
  })
  const forward = forwardTo({
    ...ways,
    handOver: handOver({ send, identityKey: new Uint8Array(32), userAgent: 'bench' }),
    enclaves: enclaves({ backend, hosts: [] }),
    replays: replays(now),
    cooldown: cooldown(now),
    cacheSecrets: cacheSecrets({ ...ways, cacheKey: new Uint8Array(32) }),
    onUnprocessable: () => undefined,
  })
  return around(async request => {
    const exchange = exchangeOf(request)
    exchange.target = { path: '/v1/chat/completions', query: '' }
    exchange.route = '/v1/chat/completions' as Route
    return forward(request, exchange)
  })
}

/** A ledger that writes nothing: what the other one costs is the difference. */
const unbooked: Ledger = {
  isFull: false,
  enter: () => undefined,
  spent: async () => 0,
  wasAnswered: async () => false,
  flush: async () => undefined,
  close: async () => undefined,
}

interface Governing {
  limited?: boolean
  logged?: boolean
  booked?: boolean
  held?: boolean
  receipted?: boolean
  measured?: boolean
}

async function governed({
  limited = false,
  logged = false,
  booked = false,
  held = false,
  receipted = false,
  measured = false,
}: Governing): Promise<Serve> {
  const { write } = gathered(process.stdout)
  const log = logger({ format: 'text', level: logged ? 'info' : 'error', now, write })
  const opened = await openStore({ url: `sqlite:${path}`, dataKey: undefined, identityKey: undefined })
  const { keys } = opened
  const counted = metrics({
    ...{ version: 'bench', commit: 'unknown', tee: 'none', engine: 'sqlite', backends: ['tinfoil'], now },
    keysAgeMs: undefined,
  })
  const meters = measured ? counted.meters : NO_METERS
  const store = measured ? timed(opened.store, meters.asked) : opened.store
  const source = keySetSource({ call, jwksUrl, issuer: 'bench' })
  const rpm = 1_000_000
  return gateway({
    version: 'bench',
    log,
    meters,
    store,
    keys,
    tee: undefined,
    collateralOf: undefined,
    signing: signingKeys(keys),
    commit: 'unknown',
    executable: undefined,
    keySource: 'memory',
    identitySource: 'root',
    attested: {},
    receiptDays: receipted ? 30 : 0,
    activityDays: 90,
    keySet: keySet({ load: source, now, log }),
    expected: { issuer: 'bench', audiences: ['bench'] },
    sessionDays: { idle: 30, most: 90 },
    signIn: { publicUrl: '', frontendUrl: undefined, callbackOrigins: [], sessionInRedirect: false, providers: [] },
    mockLogin: false,
    admins: { emails: [], domains: [], scope: undefined },
    passages: [],
    ledger: booked ? ledger({ store, log, flushMs: 500 }) : unbooked,
    tokenLimit: 0,
    limiter: limited ? limiter({ store, now, rpm, burst: rpm }) : undefined,
    slots: held ? slots({ store, now, log, limit: 1000, process: 'bench' }) : undefined,
    maxInFlight: 1_000_000,
    ...ways,
    enclaveHosts: [],
    origins: [],
    proxies: [],
    atcUrl: upstream,
    docs: false,
    frontend: { site: undefined, policy: '', isSecure: false },
    call,
    callOut,
    send,
    sealed: backend,
    open: undefined,
    idleSeconds,
  }).fetch
}

const stretches: Record<string, () => Serve | Promise<Serve>> = {
  'transport and tap': () => relayed,
  'forward, observe': forwarded,
  'routing, JWT': () => governed({}),
  ledger: () => governed({ booked: true }),
  limit: () => governed({ booked: true, limited: true }),
  log: () => governed({ booked: true, limited: true, logged: true }),
  slots: () => governed({ booked: true, limited: true, logged: true, held: true }),
  receipts: () => governed({ booked: true, limited: true, logged: true, held: true, receipted: true }),
  metrics: () => governed({ booked: true, limited: true, logged: true, held: true, receipted: true, measured: true }),
  'no limits, no ledger': () => governed({ logged: true }),
  'no limits': () => governed({ logged: true, booked: true }),
}

// A profile is written when the program ends by itself.
process.once('SIGTERM', () => process.exit())

Bun.serve({
  hostname: '127.0.0.1',
  port: Number(port),
  reusePort: false,
  development: false,
  fetch: (await stretches[stretch]?.()) ?? relayed,
})
