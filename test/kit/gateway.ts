import { gateway } from '../../src/app.ts'
import { type DevIssuer, devIssuer } from '../../src/dev/issuer.ts'
import type { SignInOptions } from '../../src/features/auth/flow.ts'
import { people } from '../../src/features/auth/people.ts'
import type { Identity } from '../../src/features/auth/provider.ts'
import { signIn } from '../../src/features/auth/sign-in.ts'
import type { FrontendOptions } from '../../src/features/frontend/routes.ts'
import type { AdminRule } from '../../src/gate/admins.ts'
import type { SessionDays } from '../../src/gate/beginnings.ts'
import { keySet } from '../../src/gate/keyset.ts'
import { type Ledger, ledger } from '../../src/gate/ledger.ts'
import { limiter } from '../../src/gate/limiter.ts'
import { logger } from '../../src/gate/log.ts'
import { sessions } from '../../src/gate/sessions.ts'
import { slots } from '../../src/gate/slots.ts'
import { backendNames } from '../../src/outward.ts'
import { passagesIn } from '../../src/protocol/passages.ts'
import { Secret } from '../../src/protocol/secret.ts'
import { settings } from '../../src/settings.ts'
import { fields } from '../../src/store/fields.ts'
import type { Cluster } from '../../src/store/following.ts'
import { openStore } from '../../src/store/open.ts'
import { sharedClock } from '../../src/store/store.ts'
import { signingKeys } from '../../src/tee/signing.ts'
import { effectiveSettings } from '../../src/tee/statement.ts'
import type { Tee } from '../../src/tee/tee.ts'
import { fixed, openai, tinfoil } from '../../src/upstream/backends.ts'
import { type Call, calls } from '../../src/upstream/call.ts'
import type { CollateralOf } from '../../src/upstream/collateral.ts'
import type { Egress } from '../../src/upstream/egress.ts'
import { keySetSource } from '../../src/upstream/sources.ts'
import { type Patience, type Transport, transport } from '../../src/upstream/transport.ts'
import { vpc } from '../../src/upstream/vpc.ts'
import { DATA_KEY } from './database.ts'
import { measured } from './measured.ts'
import { reportOf } from './stated.ts'

export const ISSUER = 'https://issuer.example'
export const AUDIENCE = 'sealgate-test'
export const UPSTREAM_KEY = 'tk-upstream-key-for-tests'
export const CLOUD_KEY = 'sk-cloud-key-for-tests'

export interface KitOptions {
  /** Base URL of the upstream. */
  upstream: string
  /** Whether the upstream opens sealed bodies for us; it does unless told. */
  isSealing?: boolean
  /** Origin of a backend shaped like OpenAI's, which takes CLOUD_KEY; none unless given. */
  cloud?: string
  /** The secret by which the gateway logs in there, in place of CLOUD_KEY. */
  vpcSecret?: string
  rpm?: number
  burst?: number
  /** Requests that a caller may have open; any number unless given. */
  concurrent?: number
  maxInFlight?: number
  maxBodyBytes?: number
  /** The longest form that brings a file; 512 MiB unless told. */
  maxFileBytes?: number
  /** Tokens a caller may use in a day; no limit unless given. */
  tokenLimit?: number
  /** A SQLite file; memory unless given. */
  path?: string
  /** The root secret; the key file beside the database unless given. */
  dataKey?: Uint8Array
  /** A database by its URL, opened with the tests' key, in place of a file. */
  database?: string
  /** Who says where that database is. */
  cluster?: Cluster
  now?: () => number
  /** Whether `now` differs from the clock of the database, which is to be found out. */
  isClockOff?: boolean
  patience?: Partial<Patience>
  /** Seconds after which an idle connection is closed. */
  idleSeconds?: number
  /** Patterns of the hosts a client may name as its enclave. */
  enclaveHosts?: readonly string[]
  /** Whether bodies may go up unsealed; they may unless told. */
  plaintext?: boolean
  /** Networks of trusted proxies. */
  proxies?: readonly string[]
  /** Where attestation bundles come from; the upstream unless told. */
  atcUrl?: string
  /** Whether the documentation is served; it is unless told. */
  docs?: boolean
  /** What people get in a browser; the gateway's own page unless told. */
  frontend?: Partial<FrontendOptions>
  /** What carries requests upstream, in place of the real transport. */
  send?: Transport
  /** Origins whose pages may call. */
  origins?: readonly string[]
  /** Where the key set is fetched; an issuer of the kit's own unless given. */
  jwksUrl?: string
  /** How documents of others are fetched; as main does unless given. */
  call?: Call
  /** How other machines are reached; directly, trusting the public roots, unless told. */
  egress?: Egress
  /** The longest body that is read; 32 MiB unless told. */
  maxJsonBytes?: number
  /** How long sessions last; 30 days idle and 90 at most unless told. */
  sessionDays?: SessionDays
  /** Whether anyone may sign in as anybody over loopback; nobody may unless told. */
  mockLogin?: boolean
  /** Who may administer; nobody unless told. */
  admins?: Partial<AdminRule>
  /** Routes that are passed through, as an operator writes them. */
  passthrough?: readonly string[]
  /** How people sign in, by where the gateway listens; they may not unless given. */
  signIn?: (url: string) => Partial<SignInOptions>
  /** Days for which receipts are kept; 30 unless told. */
  receiptDays?: number
  /** Days for which what users did is kept; 90 unless told. */
  activityDays?: number
  /** The TEE it runs in; none unless given. */
  tee?: Tee
  /** The SHA-256 of its executable; it has none unless given. */
  executable?: () => Promise<string | undefined>
  /** What Intel publishes about its machine; nobody is asked for it unless given. */
  collateralOf?: CollateralOf
  /** The settings that reports state. */
  attested?: Readonly<Record<string, unknown>>
  /** Whether it counts for Prometheus; it does not unless told. */
  isMeasured?: boolean
  expected?: { issuer: string | undefined; audiences: readonly string[] }
}

/** A whole gateway in this process on a free loopback port, with an issuer of its own. */
export interface Kit {
  readonly url: string
  readonly issuer: DevIssuer
  /** Every line logged so far. */
  readonly lines: string[]
  readonly fetch: ReturnType<typeof gateway>['fetch']
  /** Forgets full buckets, as the program does each minute. */
  readonly sweep: () => Promise<void>
  /** Reads anew who is banned, and cuts what they have under way, as the program does every two seconds. */
  readonly heedBans: () => Promise<void>
  /** Sets right at the cloud what is due, as the program does every five seconds. */
  readonly reconcile: () => Promise<void>
  readonly ledger: Ledger
  /** What Prometheus is told. */
  readonly metrics: () => Promise<string>
  /** A report as far as receipts are checked by it: what it states, and nothing that proves it. */
  readonly report: string
  readonly routes: readonly { method: string; path: string }[]
  /** An `Authorization` header for a caller of that name. */
  bearer(subject?: string, scope?: string, seconds?: number): Promise<{ authorization: string }>
  /** An `Authorization` header for a session of the user with that address or account, and who that is. */
  signIn(who?: string | Identity): Promise<{ authorization: string; user: string; session: string }>
  stop(): Promise<void>
}

const DEFAULTS = {
  rpm: 0,
  burst: 10,
  concurrent: 0,
  tokenLimit: 0,
  maxInFlight: 1_000_000,
  maxBodyBytes: 2 ** 40,
  maxFileBytes: 2 ** 29,
  maxJsonBytes: 32 * 1024 * 1024,
  path: ':memory:',
  dataKey: undefined,
  now: Date.now,
  patience: {},
  idleSeconds: 30,
  enclaveHosts: ['inference.tinfoil.sh'],
  plaintext: true,
  isSealing: true,
  origins: [],
  proxies: [],
  docs: true,
  sessionDays: { idle: 30, most: 90 },
  mockLogin: false,
  passthrough: [],
  receiptDays: 30,
  activityDays: 90,
  isMeasured: false,
  expected: { issuer: ISSUER, audiences: [AUDIENCE] },
}

const NO_SIGN_IN = { frontendUrl: undefined, callbackOrigins: [], sessionInRedirect: false, providers: [] }

/** Starts a gateway as main does, with the parts a test wants to choose. */
export async function startGateway(given: KitOptions): Promise<Kit> {
  const out = calls(given.egress)
  const options = { ...DEFAULTS, call: out.call, atcUrl: given.upstream, ...given }
  const { upstream, rpm, burst, concurrent, tokenLimit, path, now, patience, idleSeconds, call } = options
  const issuer = await devIssuer()
  const lines: string[] = []
  const log = logger({ format: 'json', level: 'debug', now, write: line => lines.push(line) })
  const { database } = options
  const dataKey = options.dataKey ?? (database === undefined ? undefined : Buffer.from(DATA_KEY, 'hex'))
  const opened = await openStore({
    url: database ?? `sqlite:${path}`,
    dataKey,
    identityKey: undefined,
    postgres: { ...(options.isClockOff && { now }), ...(options.cluster && { tls: 'off', cluster: options.cluster }) },
  })
  const { store: whole, keys, ...sources } = opened
  const signing = signingKeys(keys)
  const { jwksUrl = issuer.jwksUrl } = options
  const set = keySet({ load: keySetSource({ call, jwksUrl, issuer: ISSUER }), now, log })
  const { store, meters, text, stop: stopCounting } = measured(whole, set.ageMs, options)
  const shared = sharedClock(store, now)
  const open =
    concurrent > 0 ? slots({ store, now: shared, log, limit: concurrent, process: crypto.randomUUID() }) : undefined
  const booked = ledger({ store, log, flushMs: tokenLimit > 0 ? 0 : 500 })
  const allPatience = { connectMs: 10_000, bodyMs: 60_000, headerMs: 600_000, ...patience }
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    reusePort: false,
    development: false,
    idleTimeout: idleSeconds,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch: (request, server) => fetch(request, server),
  })
  const url = server.url.origin
  const at = { baseUrl: `${options.cloud}/v1`, clientId: 'kit', secret: new Secret(options.vpcSecret ?? '') }
  const byLogin = () => vpc({ at, send: out.send, store, fields: fields(keys.fields), now, log })
  const credentials = options.vpcSecret === undefined ? fixed(new Secret(CLOUD_KEY)) : byLogin()
  const backends = {
    sealed: options.isSealing ? tinfoil(upstream, new Secret(UPSTREAM_KEY)) : undefined,
    open: options.cloud === undefined ? undefined : openai(`${options.cloud}/v1`, credentials),
  }
  const stated = { settings: options.attested ?? {}, ...sources, backends: backendNames(backends) }
  const { fetch, sweep, heedBans, reconcile, routes } = gateway({
    ...options,
    ...backends,
    admins: { emails: [], domains: [], scope: undefined, ...options.admins },
    passages: passagesIn(options.passthrough),
    frontend: { site: undefined, policy: settings.FRONTEND_CSP.default, isSecure: false, ...options.frontend },
    signIn: { publicUrl: url, ...NO_SIGN_IN, ...options.signIn?.(url) },
    version: '0.0.0-test',
    commit: 'unknown',
    ...sources,
    attested: stated.settings,
    log,
    meters,
    store,
    keys,
    tee: given.tee,
    executable: given.executable,
    collateralOf: given.collateralOf,
    signing,
    keySet: set,
    limiter: rpm > 0 ? limiter({ store, now: shared, rpm, burst }) : undefined,
    slots: open,
    ledger: booked,
    stallMs: allPatience.bodyMs,
    headerMs: allPatience.headerMs,
    callOut: out.send,
    send: options.send ?? transport(allPatience, given.egress),
  })
  const sealing = { store, now, fields: fields(keys.fields), lookupKey: keys.lookup }
  const begins = sessions({ ...sealing, log, days: options.sessionDays })
  const [mock, meet] = [signIn({ ...sealing, sessions: begins }), people(sealing)]
  const begun = async (who: Identity) => {
    const met = await meet(who)
    const email = who.isProven ? who.email : null
    return { ...met, session: await begins.begin({ ...met, method: who.provider, email, domain: who.domain }) }
  }
  return {
    url,
    issuer,
    lines,
    fetch,
    sweep,
    heedBans,
    reconcile,
    ledger: booked,
    metrics: text,
    report: reportOf(signing, effectiveSettings({ ...stated, mode: given.tee?.mode ?? 'none' })),
    routes,
    bearer: async (subject = 'ada', scope = 'inference', seconds = 86_400) => {
      const token = await issuer.token({ issuer: ISSUER, audience: AUDIENCE, subject, scope, seconds })
      return { authorization: `Bearer ${token}` }
    },
    signIn: async (who = 'ada@example.com') => {
      const { user, session } = await (typeof who === 'string'
        ? mock({ email: who, name: null, avatarUrl: null })
        : begun(who))
      return { authorization: `Bearer ${session.token}`, user, session: session.id }
    },
    stop: async () => {
      stopCounting()
      set.stop()
      await server.stop(true)
      await issuer.stop()
      await booked.close()
      await open?.close()
      await store.close()
    },
  }
}
