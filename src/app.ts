import { Elysia } from 'elysia'
import { flow, type SignInOptions } from './features/auth/flow.ts'
import { mockLogin } from './features/auth/mock-login.ts'
import { auth } from './features/auth/routes.ts'
import { signIn } from './features/auth/sign-in.ts'
import { cacheSecret } from './features/cache-secret.ts'
import { docs } from './features/docs.ts'
import { enclave } from './features/enclave.ts'
import { health } from './features/health.ts'
import { inference } from './features/inference.ts'
import { signature } from './features/signature.ts'
import { usage } from './features/usage/routes.ts'
import { users } from './features/users/routes.ts'
import { access } from './gate/access.ts'
import { activity } from './gate/activity.ts'
import { apiKeys } from './gate/api-keys.ts'
import type { SessionDays } from './gate/beginnings.ts'
import { type Belongings, belongings } from './gate/belongings.ts'
import { callers } from './gate/callers.ts'
import { cors } from './gate/cors.ts'
import { inFlight } from './gate/in-flight.ts'
import type { KeySet } from './gate/keyset.ts'
import type { Ledger } from './gate/ledger.ts'
import { limited } from './gate/limited.ts'
import { type Limiter, limiter } from './gate/limiter.ts'
import { observe } from './gate/observe.ts'
import { answer, problems } from './gate/problems.ts'
import { sessions } from './gate/sessions.ts'
import { settle } from './gate/settle.ts'
import type { Slots } from './gate/slots.ts'
import { readTarget } from './gate/target.ts'
import { noTokens, tokens } from './gate/tokens.ts'
import type { Exchange, Route } from './protocol/exchange.ts'
import { EXPOSED } from './protocol/headers.ts'
import type { Log } from './protocol/log.ts'
import { referencesIn } from './protocol/references.ts'
import type { Expected } from './protocol/token.ts'
import { fields } from './store/fields.ts'
import type { Keys } from './store/keys.ts'
import type { Store } from './store/store.ts'
import type { Backend } from './upstream/backends.ts'
import { cacheSecrets } from './upstream/cache-secret.ts'
import { type Call, send as callOut } from './upstream/call.ts'
import { type Cooldown, cooldown } from './upstream/cooldown.ts'
import { enclaves } from './upstream/enclaves.ts'
import { forwardTo } from './upstream/forward.ts'
import { forwardOpen } from './upstream/forward-open.ts'
import { type HandOver, handOver } from './upstream/hand-over.ts'
import { kept } from './upstream/kept.ts'
import { allModels } from './upstream/models.ts'
import { ownBody } from './upstream/own-body.ts'
import { replays } from './upstream/replays.ts'
import { attestationSource, hpkeKeysSource } from './upstream/sources.ts'
import type { Transport } from './upstream/transport.ts'
import { ways } from './upstream/ways.ts'

const HPKE_KEYS_KEPT_MS = 5000
const BUNDLE_KEPT_MS = 10_000
// Public routes that cost us a call or a quote are limited by address.
const PUBLIC_RPM = 60
const PUBLIC_BURST = 20

const NO_SIGN_IN: SignInOptions = {
  publicUrl: '',
  frontendUrl: undefined,
  callbackOrigins: [],
  sessionInRedirect: false,
  providers: [],
}

/** Everything a gateway is made of. */
export interface Parts {
  version: string
  log: Log
  /** Milliseconds since the epoch. */
  now: () => number
  store: Store
  keys: Keys
  /** The issuer's signing keys; absent where no JWT is taken. */
  keySet: KeySet | undefined
  /** What a token must be meant for. */
  expected: Expected
  /** How long sessions last. */
  sessionDays: SessionDays
  /** How people sign in. */
  /** Absent where nobody signs in here. */
  signIn: SignInOptions | undefined
  /** Whether anyone on this machine may sign in as anybody. */
  mockLogin: boolean
  /** Absent when the limit is off. */
  limiter: Limiter | undefined
  /** Absent when callers may have any number of requests open. */
  slots: Slots | undefined
  /** Requests that are forwarded at once. */
  maxInFlight: number
  /** The longest request body. */
  maxBodyBytes: number
  /** Where what callers use is booked. */
  ledger: Ledger
  /** Tokens that a caller may use in a UTC day; 0 sets no limit. */
  tokenLimit: number
  /** Enclaves that open sealed bodies; absent where none is configured. */
  sealed: Backend | undefined
  /** A backend that reads open bodies and keeps conversations; absent where none is configured. */
  open: Backend | undefined
  /** Patterns of the hosts that a client may name as its enclave. */
  enclaveHosts: readonly string[]
  /** Whether bodies may go up unsealed. */
  plaintext: boolean
  /** Origins whose pages may call. */
  origins: readonly string[]
  call: Call
  send: Transport
  /** Seconds after an answer in which a connection must bring its next request whole. */
  idleSeconds: number
  /** Milliseconds without a byte of its body after which a client is given up. */
  stallMs: number
  /** The longest body that is read. */
  maxJsonBytes: number
  /** Networks of the proxies whose `X-Forwarded-For` is believed. */
  proxies: readonly string[]
  /** Where attestation bundles come from. */
  atcUrl: string
  /** Whether the documentation is served. */
  docs: boolean
}

/** The gateway, as a function from request to answer, in the order in which a request meets its parts. */
export function gateway(parts: Parts) {
  const { version, now, store, keys, keySet, expected, sealed, open, ledger } = parts
  const bounds = { callers: parts.limiter, slots: parts.slots, inFlight: inFlight(parts.maxInFlight), ledger }
  const { around, exchangeOf } = observe({ ...parts, ended: settle({ ...bounds, log: parts.log }) })
  const sealing = { ...parts, fields: fields(keys.fields), lookupKey: keys.lookup }
  const people = { sessions: sessions({ ...sealing, days: parts.sessionDays }), apiKeys: apiKeys(sealing) }
  const verify = keySet ? tokens({ keys: keySet, identityKey: keys.identity, expected, now }) : noTokens
  const addresses = limiter({ store, now, rpm: PUBLIC_RPM, burst: PUBLIC_BURST })
  // Anyone may ask, and each look is a write: one a second is enough.
  const database = kept({ load: store.isWritable, now, keptMs: 1000 })
  const needs = { 'the database': database.get, ...(keySet && { 'the signing keys': keySet.isReady }) }

  const gates = {
    access: access({ callers: callers({ ...people, tokens: verify }), exchangeOf }),
    limited: limited({ ...parts, ...bounds, addresses, identityKey: keys.identity, exchangeOf }),
  }

  const ours = { ...gates, ...sealing, ...people, ownBody: ownBody(parts.stallMs) }
  const accounts = users(ours)
  const out = wayOut(parts, belongings(parts))
  const signIns = flow({ ...ours, ...(parts.signIn ?? NO_SIGN_IN), browserKey: keys.browser, exchangeOf })
  const rooms = new Elysia({ name: 'rooms' })
    .use(health({ version, backends: [sealed, open].flatMap(backend => backend?.name ?? []), needs }))
    .use(inference({ ...gates, forward: out.forward }))
    .use(usage({ ...gates, store, ledger, now }))
    .use(auth(ours))
    .use(signIns.plugin)
    .use(accounts.plugin)

  if (out.open) rooms.use(signature({ ...gates, ledger, forward: out.open }))
  if (out.enclave) rooms.use(enclave({ ...gates, ...out.enclave })).use(cacheSecret({ ...gates, cacheKey: keys.cache }))
  if (parts.mockLogin) rooms.use(mockLogin({ ...ours, signIn: signIn(ours), exchangeOf }))
  if (parts.docs) rooms.use(docs({ version, routes: () => rooms.routes }))

  // One spelling a path: no loose trailing slash; and no host short enough to shift the path Elysia routes by.
  const app = new Elysia({ strictPath: true, handler: { standardHostname: false } })
    .onTransform(({ request, route }) => {
      exchangeOf(request).route = route as Route
    })
    .use(problems({ exchangeOf, routes: rooms.routes }))
    .use(rooms)

  const pages = cors({ origins: parts.origins, routes: rooms.routes, exposed: EXPOSED })
  const fetch = around(async request => {
    const exchange = exchangeOf(request)
    try {
      pages.mark(request, exchange)
      exchange.target = readTarget(request)
      return pages.preflight(request, exchange) ?? (await app.fetch(request))
    } catch (error) {
      return answer(error, exchange)
    }
  })
  // Both limits keep their rows in one table, and whoever sweeps it sweeps for both.
  const acts = activity(store)
  const sweep = async () => {
    for (const swept of [addresses, parts.slots, people.sessions, accounts, signIns]) await swept?.sweep()
    await acts.sweep(now())
  }
  return { fetch, sweep, routes: rooms.routes }
}

/** What goes up, and what is asked there on everybody's behalf. */
function wayOut(parts: Parts, { check }: Belongings) {
  const { version, now, keys, sealed, open, plaintext } = parts
  const shared = {
    ...parts,
    cooldown: cooldown(now),
    handOver: handOver({ send: parts.send, identityKey: keys.identity, userAgent: `sealgate/${version}` }),
  }
  const judge = async (body: Uint8Array, { principal }: Exchange) =>
    check(principal?.owner ?? '', await referencesIn(body))
  const toOpen = open && forwardOpen({ ...shared, backend: open, judge })
  const toEnclave = sealed && enclaveWay(parts, { ...shared, backend: sealed })
  const models = sealed && open && allModels({ ...shared, backends: [sealed, open], send: callOut })
  return {
    forward: ways({ sealed: toEnclave?.forward, open: toOpen, models, plaintext }),
    open: toOpen,
    enclave: toEnclave,
  }
}

type Shared = Parts & { backend: Backend; cooldown: Cooldown; handOver: HandOver }

/** The way to Tinfoil, and what clients ask before they seal. */
function enclaveWay({ now, keys, call, atcUrl, enclaveHosts }: Parts, shared: Shared) {
  const { backend } = shared
  const bundles = kept({ load: attestationSource(call, atcUrl), now, keptMs: BUNDLE_KEPT_MS })
  const hpkeKeys = kept({ load: hpkeKeysSource(call, backend), now, keptMs: HPKE_KEYS_KEPT_MS })
  const forward = forwardTo({
    ...shared,
    enclaves: enclaves({ backend, hosts: enclaveHosts }),
    replays: replays(now),
    cacheSecrets: cacheSecrets({ ...shared, cacheKey: keys.cache }),
    onUnprocessable: () => {
      hpkeKeys.drop()
      bundles.drop()
    },
  })
  return { forward, hpkeKeys: hpkeKeys.get, bundle: bundles.get }
}
