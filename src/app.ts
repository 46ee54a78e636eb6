import { Elysia } from 'elysia'
import { admin } from './features/admin/routes.ts'
import { attestation } from './features/attestation/routes.ts'
import { flow, type SignInOptions } from './features/auth/flow.ts'
import { mockLogin } from './features/auth/mock-login.ts'
import { auth } from './features/auth/routes.ts'
import { signIn } from './features/auth/sign-in.ts'
import { cacheSecret } from './features/cache-secret.ts'
import { durable } from './features/conversations/durable.ts'
import { conversations } from './features/conversations/routes.ts'
import { docs } from './features/docs.ts'
import { enclave } from './features/enclave.ts'
import { files } from './features/files/routes.ts'
import { frontend } from './features/frontend/routes.ts'
import { health } from './features/health.ts'
import { inference } from './features/inference.ts'
import { passthrough } from './features/passthrough.ts'
import { receipt } from './features/receipt.ts'
import { responses } from './features/responses.ts'
import { signature } from './features/signature.ts'
import { usage } from './features/usage/routes.ts'
import { users } from './features/users/routes.ts'
import { access } from './gate/access.ts'
import { activity } from './gate/activity.ts'
import { admins } from './gate/admins.ts'
import { apiKeys } from './gate/api-keys.ts'
import { audit } from './gate/audit.ts'
import { bans } from './gate/bans.ts'
import { belongings } from './gate/belongings.ts'
import { callers } from './gate/callers.ts'
import { configs } from './gate/configs.ts'
import { cors } from './gate/cors.ts'
import { inFlight } from './gate/in-flight.ts'
import { limited } from './gate/limited.ts'
import { limiter } from './gate/limiter.ts'
import { observe } from './gate/observe.ts'
import { answer, problems } from './gate/problems.ts'
import { receipted } from './gate/receipted.ts'
import { receipts } from './gate/receipts.ts'
import { rules } from './gate/rules.ts'
import { sessions } from './gate/sessions.ts'
import { settle } from './gate/settle.ts'
import { readTarget } from './gate/target.ts'
import { noTokens, tokens } from './gate/tokens.ts'
import { backendNames, wayOut } from './outward.ts'
import type { Parts } from './parts.ts'
import type { Route } from './protocol/exchange.ts'
import { EXPOSED } from './protocol/headers.ts'
import { DAY_MS } from './protocol/metering.ts'
import { fields } from './store/fields.ts'
import { sharedClock } from './store/store.ts'
import { settingsDigestOf } from './tee/settings-digest.ts'
import { effectiveSettings } from './tee/statement.ts'
import { kept } from './upstream/kept.ts'
import { ownBody } from './upstream/own-body.ts'

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

// ELYSIA_AOT=false in the environment would else win, and then a host of one letter shifts the path that is looked for.
const ROUTING = { aot: true, strictPath: true, handler: { standardHostname: false } } as const

/** The gateway, as a function from request to answer, in the order in which a request meets its parts. */
export function gateway(parts: Parts) {
  const { version, now, store, keys, keySet, expected, ledger } = parts
  const sealing = sealingOf(parts)
  const changes = audit(sealing)
  const banned = bans({ ...sealing, audit: changes })
  const bounds = { ...parts, callers: parts.limiter, inFlight: inFlight(parts.maxInFlight), bans: banned }
  const settings = settingsOf(parts)
  const told = receipts({ ...sealing, now, settingsDigest: settingsDigestOf(settings) })
  const { around, exchangeOf } = observe({ ...parts, ended: settle({ ...bounds, receipts: told }) })
  const people = { sessions: sessions({ ...sealing, days: parts.sessionDays }), apiKeys: apiKeys(sealing) }
  const verify = keySet ? tokens({ keys: keySet, identityKey: keys.identity, expected, now }) : noTokens
  const isAdmin = admins({ ...sealing, rule: parts.admins })
  const addresses = limiter({ ...sealing, rpm: PUBLIC_RPM, burst: PUBLIC_BURST })
  const gates = {
    access: access({ callers: callers({ ...people, tokens: verify }), isAdmin, bans: banned, exchangeOf }),
    limited: limited({ ...bounds, addresses, identityKey: keys.identity, exchangeOf }),
    receipted: receipted({ receipts: told, exchangeOf }),
  }

  const ours = { ...gates, ...sealing, ...people, ownBody: ownBody(parts.stallMs), audit: changes }
  const accounts = users(ours)
  const owned = belongings(sealing)
  const ruled = rules(sealing)
  const steered = { rules: ruled, bans: banned, configs: configs(sealing), revoke: parts.open?.credentials.revoke }
  const out = wayOut(parts, owned, ruled)
  const signIns = flow({ ...ours, ...(parts.signIn ?? NO_SIGN_IN), browserKey: keys.browser, exchangeOf })
  const pages = frontend({ ...parts, exchangeOf })
  const rooms = new Elysia({ name: 'rooms' })
    .use(pages.plugin)
    .use(health({ version, backends: out.backends, needs: needsOf(parts) }))
    .use(inference({ ...gates, forward: out.forward }))
    .use(usage({ ...gates, store, ledger, now }))
    .use(receipt({ ...gates, receipts: told, signing: parts.signing }))
    .use(auth(ours))
    .use(signIns.plugin)
    .use(accounts.plugin)
    .use(attestation({ ...gates, ...parts, ...out, settings, exchangeOf }))
    .use(admin({ ...ours, ...out, ...steered }))

  if (out.enclave) rooms.use(enclave({ ...gates, ...out.enclave })).use(cacheSecret({ ...gates, cacheKey: keys.cache }))
  if (out.keeping) rooms.use(atTheCloud({ ...ours, ...out.keeping, belongings: owned, rules: ruled.current }))
  if (parts.mockLogin) rooms.use(mockLogin({ ...ours, signIn: signIn(ours), exchangeOf }))
  if (parts.docs) rooms.use(docs({ version, routes: () => rooms.routes }))

  // One spelling a path: no loose trailing slash; and no host short enough to shift the path Elysia routes by.
  const app = new Elysia(ROUTING)
    .onTransform(({ request, route }) => {
      exchangeOf(request).route = route as Route
    })
    .use(problems({ exchangeOf, routes: rooms.routes, elsewhere: pages.elsewhere }))
    .use(rooms)

  const origins = cors({ origins: parts.origins, routes: rooms.routes, exposed: EXPOSED })
  const fetch = around(async request => {
    const exchange = exchangeOf(request)
    try {
      origins.mark(request, exchange)
      exchange.target = readTarget(request)
      return origins.preflight(request, exchange) ?? (await app.fetch(routable(request)))
    } catch (error) {
      return answer(error, exchange)
    }
  })
  // Both limits keep their rows in one table, and whoever sweeps it sweeps for both.
  const sweep = sweepOf(parts, [addresses, parts.slots, people.sessions, accounts, signIns, told, banned])
  return { fetch, sweep, heedBans: banned.heed, reconcile: async () => out.keeping?.reconcile(), routes: rooms.routes }
}

/** Deletes what has ended of all of these. */
function sweepOf({ store, now, activityDays }: Parts, all: readonly ({ sweep(): Promise<void> } | undefined)[]) {
  const acts = activity(store)
  return async () => {
    for (const swept of all) await swept?.sweep()
    await acts.sweep(now() - activityDays * DAY_MS)
  }
}

/**
 * What keeps rows. What ends by one is told by one clock for all gateways; what others signed, and how long things take,
 * by our own.
 */
function sealingOf(parts: Parts) {
  const { store, keys, now } = parts
  const sealing = { fields: fields(keys.fields), lookupKey: keys.lookup, identityKey: keys.identity }
  return { ...parts, ...sealing, now: sharedClock(store, now) }
}

/** What readiness asks for. */
function needsOf({ store, now, keySet }: Parts) {
  // Anyone may ask, and each look is a write: one a second is enough.
  const database = kept({ load: store.isWritable, now, keptMs: 1000 })
  return { 'the database': database.get, ...(keySet && { 'the signing keys': keySet.isReady }) }
}

/** The settings in effect. */
function settingsOf(parts: Parts) {
  const backends = backendNames(parts)
  const mode = parts.tee?.mode ?? 'none'
  return effectiveSettings({ ...parts, settings: parts.attested, backends, mode })
}

/** Elysia looks for the path from the seventh letter on, where `https://` has its last slash. */
function routable(request: Request): Request {
  const { url } = request
  // Not another request: this one is known, by itself, to the gate and to the server.
  if (url.startsWith('https:')) Object.defineProperty(request, 'url', { value: `http${url.slice(5)}` })
  return request
}

type Room<Make extends (deps: never) => unknown> = Parameters<Make>[0]
type Cloud = Room<typeof conversations> &
  Room<typeof durable> &
  Room<typeof responses> &
  Room<typeof files> &
  Room<typeof passthrough>

/** What only a backend answers that keeps things. */
const atTheCloud = (deps: Omit<Cloud, 'forward'> & Pick<Parts, 'ledger'>) =>
  new Elysia({ name: 'cloud' })
    .use(signature({ ...deps, forward: deps.open }))
    .use(conversations(deps))
    .use(durable(deps))
    .use(responses(deps))
    .use(files(deps))
    .use(passthrough({ ...deps, forward: deps.open }))
