import { gateway } from './app.ts'
import { attestedOf } from './config/attested.ts'
import { signInOptions } from './config/sign-in.ts'
import { streamsThatFit } from './descriptors.ts'
import { digestOf, EXECUTABLE } from './executable.ts'
import { providers } from './features/auth/providers.ts'
import { loadSite, type Site } from './features/frontend/site.ts'
import { keySet } from './gate/keyset.ts'
import { ledger } from './gate/ledger.ts'
import { limiter } from './gate/limiter.ts'
import { logger } from './gate/log.ts'
import { slots } from './gate/slots.ts'
import { type Listening, listening } from './listening.ts'
import { measuring } from './measuring.ts'
import { clusterNews, opened, teeOf } from './opening.ts'
import { faultOf, type Log } from './protocol/log.ts'
import { passagesIn } from './protocol/passages.ts'
import { Secret } from './protocol/secret.ts'
import { givingBack, REST_MS } from './resting.ts'
import type { Config } from './settings.ts'
import { fields } from './store/fields.ts'
import type { Keys } from './store/keys.ts'
import { type Store, sharedClock } from './store/store.ts'
import { SOCKETS } from './tee/sockets.ts'
import { certificates } from './tls/certificates.ts'
import type { Pair } from './tls/pair.ts'
import { CERTIFICATES_MS, renewing } from './tls/renewing.ts'
import type { Source, Taken } from './tls/source.ts'
import { fixed, openai, tinfoil } from './upstream/backends.ts'
import { type Calls, calls } from './upstream/call.ts'
import { keptCollateral } from './upstream/collateral.ts'
import type { Egress } from './upstream/egress.ts'
import { pcs } from './upstream/pcs.ts'
import { rootsIn } from './upstream/roots.ts'
import { keySetSource } from './upstream/sources.ts'
import { transport } from './upstream/transport.ts'
import { vpc } from './upstream/vpc.ts'
import { COMMIT, VERSION } from './version.ts'
import type { Link } from './workers/link.ts'

// A connection is closed that is idle for so long after an answer: only this ends headers that trickle in after it.
// Bun itself ends those of a first request.
const KEEP_ALIVE_SECONDS = 10
const SWEEP_MS = 60_000
// Two reads by an index, where there is nothing to do.
const RECONCILE_MS = 5000
// What is under way of whoever was banned elsewhere is cut within five seconds: one read may fail.
const BANS_MS = 2000
// Fewer streams than this at once are worth a line at the start.
const FEW_STREAMS = 1000
// What a kill -9 may lose. With a token limit each entry is written at once, for other processes to see.
const FLUSH_MS = 500
const CONNECT_MS = 10_000
const BODY_MS = 60_000
const RENEW_MS = 10_000

/** What a running gateway is told by the outside. */
export interface World {
  write: (text: string) => void
  /** Calls back at each signal that asks the program to end. */
  onSignal: (listener: () => void) => void
  /** Where the guest agent of a TEE may be; where dstack has it, unless given. */
  sockets?: readonly string[]
  /** The line to the supervisor, where this is one of several workers. */
  link?: Link | undefined
}

/**
 * Runs a gateway until a signal has ended it and its streams are drained.
 * @throws TeeFault, StoreFault, KeyFault, LoginFault, TlsFault or ListenFault when it cannot start.
 */
export async function serve(given: Config, { write, onSignal, sockets = SOCKETS, link }: World): Promise<void> {
  const log = logger({ format: given.LOG_FORMAT, level: given.LOG_LEVEL, now: Date.now, write })
  // What is so for all workers is told, and done, by the first.
  const isFirst = !link?.number
  const once: Log = isFirst ? log : () => undefined
  // Before anything is opened or made: what dev mode would write has no place in a TEE.
  const tee = await teeOf(given, { sockets, log: once })
  const site = siteOf(given, once)
  const egress = egressOf(given)
  const { roots } = egress
  const out = calls(egress)
  const rooted = await opened(given, tee, { told: clusterNews(log), roots })
  const dev = given.DEV_MODE ? await (await import('./dev/mode.ts')).devMode(given) : undefined
  const config = { ...given, ...dev?.settings }
  const source = link ? undefined : certificates(config, tee, Date.now)
  const pair = link?.pair ?? (await source?.load())

  const issuerKeys = keySetOf(config, out, log)
  const { followed } = rooted.store
  const measured = await measuring(config, { tee: tee?.mode, keysAgeMs: issuerKeys?.ageMs, followed, log, link })
  const store = measured.timed(rooted.store)
  const { keys } = rooted
  const open = slotsOf(config, { store, log })
  const booked = ledger({ store, log, flushMs: config.TOKEN_LIMIT_DAY > 0 ? 0 : FLUSH_MS })
  const { fetch, sweep, heedBans, reconcile } = gateway({
    log,
    now: Date.now,
    tee,
    executable: executable(log),
    attested: attestedOf(config, { FRONTEND_DIR: site?.digest, CA_FILE: roots?.digest }),
    collateralOf: collateral(config, out, log),
    ...rooted,
    store,
    meters: measured.meters,
    keySet: issuerKeys,
    ...chosen(config, egress, out),
    frontend: { site, policy: config.FRONTEND_CSP, isSecure: isReachedByHttps(config) },
    ...(await backends(config, { store, keys, log, send: out.send })),
    limiter: limiterOf(config, store),
    slots: open,
    ledger: booked,
  })
  const listener = listens(config, { fetch, pair, link, log })
  measured.announce()
  const streams = streamsThatFit()
  if (streams < FEW_STREAMS) once('warn', 'few_descriptors', { streams })
  if (dev) write(await dev.banner(`${pair ? 'https' : 'http'}://${displayed(config.HOST)}:${listener.port}`))
  const acts = { sweep, heedBans, reconcile, ...store }
  const beats = [...beating(acts, isFirst, log), setInterval(() => open?.renew(), RENEW_MS)]
  beats.push(setInterval(givingBack(store), REST_MS))
  if (source && pair) beats.push(renewals(source, pair, listener, log))

  await listener.drained({ seconds: config.DRAIN_SECONDS, onSignal, log })
  for (const beat of beats) clearInterval(beat)
  issuerKeys?.stop()
  await booked.close()
  await dev?.stop()
  await open?.close().catch(error => log('error', 'slots_failed', { fault: faultOf(error) }))
  await store.close()
  await measured.stop()
  log('info', 'stopped')
}

interface Serving {
  fetch: ReturnType<typeof gateway>['fetch']
  pair: Pair | undefined
  link: Link | undefined
  log: Log
}

function listens({ HOST: host, PORT, TLS_MIN_VERSION: minVersion }: Config, { fetch, pair, link, log }: Serving) {
  const { port = PORT, number: worker } = link ?? {}
  const listener = listening({ host, port, minVersion, fetch, isShared: link !== undefined }, pair)
  log('info', 'listening', { port: listener.port, ...(worker !== undefined && { worker }) })
  link?.listening(listener.port)
  link?.onPair(next => {
    // As one that is alone: what cannot be served with now leaves the old one in force.
    Promise.try(listener.replace, next).catch(error => log('warn', 'tls_kept', { fault: faultOf(error) }))
  })
  return listener
}

/** How others are reached. @throws RootsFault */
function egressOf({ CA_FILE, UPSTREAM_PROXY: proxy }: Config): Egress {
  return { roots: rootsIn(CA_FILE), proxy: proxy && new URL(proxy.reveal()) }
}

function keySetOf({ JWKS_URL: jwksUrl, ISSUER: issuer }: Config, { call }: Calls, log: Log) {
  if ((jwksUrl ?? issuer) === undefined) return undefined
  return keySet({ load: keySetSource({ call, jwksUrl, issuer }), now: Date.now, log })
}

function limiterOf({ RATE_LIMIT_RPM: rpm, RATE_LIMIT_BURST: burst }: Config, store: Store) {
  return rpm > 0 ? limiter({ store, now: sharedClock(store, Date.now), rpm, burst }) : undefined
}

function slotsOf({ CONCURRENT_LIMIT: limit }: Config, { store, log }: { store: Store; log: Log }) {
  return limit > 0
    ? slots({ store, now: sharedClock(store, Date.now), log, limit, process: crypto.randomUUID() })
    : undefined
}

/** The front end that is served, if one is. @throws FrontendFault */
function siteOf({ FRONTEND_DIR: directory }: Config, log: Log): Site | undefined {
  if (directory === undefined) return undefined
  const site = loadSite(directory)
  const { files, bytes, leftOut: left_out } = site
  log(left_out > 0 ? 'warn' : 'info', 'frontend_loaded', { files: files.size, bytes, left_out })
  return site
}

function isReachedByHttps({ TLS, TLS_CERT_FILE, PUBLIC_URL }: Config): boolean {
  return TLS === 'dstack' || TLS_CERT_FILE !== undefined || PUBLIC_URL?.startsWith('https:') === true
}

/** The parts that the configuration alone decides. */
function chosen(config: Config, egress: Egress, { send, call }: Calls) {
  const places = signInOptions(config)
  const headerMs = config.UPSTREAM_HEADER_SECONDS * 1000
  return {
    version: VERSION,
    commit: COMMIT,
    call,
    callOut: send,
    stallMs: BODY_MS,
    idleSeconds: KEEP_ALIVE_SECONDS,
    expected: { issuer: config.ISSUER, audiences: config.AUDIENCES ?? [] },
    sessionDays: { idle: config.SESSION_DAYS, most: config.SESSION_MAX_DAYS },
    signIn: places && { ...places, providers: providers(config, { send, now: Date.now }) },
    mockLogin: config.DEV_MODE,
    admins: {
      emails: config.AUTH_ADMIN_EMAILS ?? [],
      domains: config.AUTH_ADMIN_DOMAINS ?? [],
      scope: config.ADMIN_SCOPE,
    },
    passages: passagesIn(config.PASSTHROUGH ?? []),
    receiptDays: config.RECEIPT_DAYS,
    activityDays: config.ACTIVITY_DAYS,
    maxInFlight: config.MAX_IN_FLIGHT,
    maxBodyBytes: config.MAX_BODY_BYTES,
    maxFileBytes: config.MAX_FILE_BYTES,
    tokenLimit: config.TOKEN_LIMIT_DAY,
    enclaveHosts: config.TINFOIL_ENCLAVE_HOSTS,
    plaintext: config.ALLOW_PLAINTEXT,
    origins: config.CORS_ALLOWED_ORIGINS ?? [],
    maxJsonBytes: config.MAX_JSON_BYTES,
    headerMs,
    send: transport({ connectMs: CONNECT_MS, bodyMs: BODY_MS, headerMs }, egress),
    proxies: config.TRUSTED_PROXIES ?? [],
    atcUrl: config.TINFOIL_ATC_URL,
    docs: config.DOCS,
  }
}

type Beats = Pick<ReturnType<typeof gateway>, 'sweep' | 'heedBans' | 'reconcile'> & Pick<Store, 'compareClocks'>

function beating({ sweep, heedBans, reconcile, compareClocks }: Beats, isFirst: boolean, log: Log) {
  const each = (ms: number, act: () => Promise<void>) =>
    setInterval(() => {
      act().catch(error => log('error', 'sweep_failed', { fault: faultOf(error) }))
    }, ms)
  const once = isFirst ? [each(SWEEP_MS, sweep), each(RECONCILE_MS, reconcile)] : []
  return [...once, each(BANS_MS, heedBans), each(SWEEP_MS, compareClocks)]
}

function renewals(source: Source, first: Taken, { replace }: Listening, log: Log) {
  return setInterval(renewing({ source, first, replace, now: Date.now, log }), CERTIFICATES_MS)
}

function collateral({ PCCS_URL: origin }: Config, { send }: Calls, log: Log) {
  return origin === undefined ? undefined : keptCollateral({ fetchCollateral: pcs(origin, send), now: Date.now, log })
}

/** A report without it is one all the same, and says less. */
function executable(log: Log) {
  if (EXECUTABLE === undefined) return undefined
  const digest = digestOf(EXECUTABLE)
  return () =>
    digest().catch(error => {
      log('warn', 'executable_failed', { fault: faultOf(error) })
      return undefined
    })
}

interface Kept {
  store: Store
  keys: Keys
  log: Log
  send: Calls['send']
}

/** The backends that are configured, with the keys for them. */
async function backends(config: Config, kept: Kept) {
  const { TINFOIL_API_KEY: key, TINFOIL_BASE_URL, OPENAI_BASE_URL: baseUrl } = config
  return {
    sealed: key && tinfoil(TINFOIL_BASE_URL, key),
    open: baseUrl === undefined ? undefined : openai(baseUrl, await credentials(baseUrl, config, kept)),
  }
}

async function credentials(baseUrl: string, config: Config, { store, keys, log, send }: Kept) {
  const { VPC_SHARED_SECRET: secret, VPC_CLIENT_ID: clientId, OPENAI_API_KEY = new Secret('') } = config
  if (!secret) return fixed(OPENAI_API_KEY)
  const at = { baseUrl, clientId, secret }
  const given = vpc({ at, send, store, fields: fields(keys.fields), now: Date.now, log })
  await given.begin()
  return given
}

function displayed(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}
