import { gateway } from './app.ts'
import { signInOptions } from './config/sign-in.ts'
import { streamsThatFit } from './descriptors.ts'
import { providers } from './features/auth/providers.ts'
import { keySet } from './gate/keyset.ts'
import { ledger } from './gate/ledger.ts'
import { limiter } from './gate/limiter.ts'
import { logger } from './gate/log.ts'
import { slots } from './gate/slots.ts'
import { faultOf, type Log } from './protocol/log.ts'
import { bytesOf, Secret } from './protocol/secret.ts'
import type { Config } from './settings.ts'
import { fields } from './store/fields.ts'
import type { Keys } from './store/keys.ts'
import { openStore } from './store/open.ts'
import type { Store } from './store/store.ts'
import { settingsDigestOf } from './tee/settings-digest.ts'
import { signingKeys } from './tee/signing.ts'
import { fixed, openai, tinfoil } from './upstream/backends.ts'
import { call, send } from './upstream/call.ts'
import { keySetSource } from './upstream/sources.ts'
import { transport } from './upstream/transport.ts'
import { vpc } from './upstream/vpc.ts'
import { VERSION } from './version.ts'

// The server closes a connection that is idle for so long; a forwarded request lifts it.
const IDLE_SECONDS = 30
// And so after an answer: only this ends headers that trickle in after it. Bun itself ends those of a first request.
const KEEP_ALIVE_SECONDS = 10
const SWEEP_MS = 60_000
// Two reads by an index, where there is nothing to do.
const RECONCILE_MS = 5000
// Fewer streams than this at once are worth a line at the start.
const FEW_STREAMS = 1000
// What a kill -9 may lose. With a token limit each entry is written at once, for other processes to see.
const FLUSH_MS = 500
const CONNECT_MS = 10_000
const BODY_MS = 60_000
const RENEW_MS = 10_000
// Bun's own limit answers in its own words: ours is the one that counts. What nobody reads, Bun drops as it comes
// (measured: 2 GB to a 401, in chunks or by length, moved memory by less than 10 MB).
const MAX_UNREAD_BYTES = Number.MAX_SAFE_INTEGER

type Server = Bun.Server<undefined>

/** What a running gateway is told by the outside. */
export interface World {
  write: (text: string) => void
  /** Calls back at each signal that asks the program to end. */
  onSignal: (listener: () => void) => void
}

/** An address that cannot be listened on; the message says which and the way out. */
export class ListenFault extends Error {
  override readonly name = 'ListenFault'
}

/**
 * Runs a gateway until a signal has ended it and its streams are drained.
 * @throws StoreFault, KeyFault, LoginFault or ListenFault when it cannot start.
 */
export async function serve(given: Config, { write, onSignal }: World): Promise<void> {
  const log = logger({ format: given.LOG_FORMAT, level: given.LOG_LEVEL, now: Date.now, write })
  const { store, keys } = await openStore({
    url: given.DATABASE_URL,
    dataKey: bytesOf(given.DATA_KEY),
    identityKey: bytesOf(given.IDENTITY_HASH_KEY),
  })
  const dev = given.DEV_MODE ? await (await import('./dev/mode.ts')).devMode(given) : undefined
  const config = { ...given, ...dev?.settings }
  const { JWKS_URL, ISSUER, AUDIENCES = [], RATE_LIMIT_RPM: rpm, RATE_LIMIT_BURST: burst } = config

  const keySource = keySetSource({ call, jwksUrl: JWKS_URL, issuer: ISSUER })
  const issuerKeys = (JWKS_URL ?? ISSUER) ? keySet({ load: keySource, now: Date.now, log }) : undefined
  const open =
    config.CONCURRENT_LIMIT > 0
      ? slots({ store, now: Date.now, log, limit: config.CONCURRENT_LIMIT, process: crypto.randomUUID() })
      : undefined
  const booked = ledger({ store, log, flushMs: config.TOKEN_LIMIT_DAY > 0 ? 0 : FLUSH_MS })
  const { fetch, sweep, reconcile } = gateway({
    version: VERSION,
    log,
    now: Date.now,
    store,
    keys,
    tee: undefined,
    signing: signingKeys(keys),
    // What is stated is nothing yet.
    settingsDigest: settingsDigestOf({}),
    keySet: issuerKeys,
    expected: { issuer: ISSUER, audiences: AUDIENCES },
    ...chosen(config),
    ...(await backends(config, { store, keys, log })),
    limiter: rpm > 0 ? limiter({ store, now: Date.now, rpm, burst }) : undefined,
    slots: open,
    ledger: booked,
    call,
    stallMs: BODY_MS,
    idleSeconds: KEEP_ALIVE_SECONDS,
  })
  const server = listen(config, fetch)
  log('info', 'listening', { port: server.port ?? config.PORT })
  const streams = streamsThatFit()
  if (streams < FEW_STREAMS) log('warn', 'few_descriptors', { streams })
  if (dev) write(await dev.banner(`http://${displayed(config.HOST)}:${server.port}`))
  const beats = [...sweeping({ sweep, reconcile }, log), setInterval(() => open?.renew(), RENEW_MS)]

  await drained(server, { seconds: config.DRAIN_SECONDS, onSignal, log })
  for (const beat of beats) clearInterval(beat)
  issuerKeys?.stop()
  await booked.close()
  await dev?.stop()
  await open?.close().catch(error => log('error', 'slots_failed', { fault: faultOf(error) }))
  await store.close()
  log('info', 'stopped')
}

/** The parts that the configuration alone decides. */
function chosen(config: Config) {
  const places = signInOptions(config)
  const headerMs = config.UPSTREAM_HEADER_SECONDS * 1000
  return {
    sessionDays: { idle: config.SESSION_DAYS, most: config.SESSION_MAX_DAYS },
    signIn: places && { ...places, providers: providers(config, { send, now: Date.now }) },
    mockLogin: config.DEV_MODE,
    admins: {
      emails: config.AUTH_ADMIN_EMAILS ?? [],
      domains: config.AUTH_ADMIN_DOMAINS ?? [],
      scope: config.ADMIN_SCOPE,
    },
    passages: config.PASSTHROUGH ?? [],
    receiptDays: config.RECEIPT_DAYS,
    maxInFlight: config.MAX_IN_FLIGHT,
    maxBodyBytes: config.MAX_BODY_BYTES,
    maxFileBytes: config.MAX_FILE_BYTES,
    tokenLimit: config.TOKEN_LIMIT_DAY,
    enclaveHosts: config.TINFOIL_ENCLAVE_HOSTS,
    plaintext: config.ALLOW_PLAINTEXT,
    origins: config.CORS_ALLOWED_ORIGINS ?? [],
    maxJsonBytes: config.MAX_JSON_BYTES,
    headerMs,
    send: transport({ connectMs: CONNECT_MS, bodyMs: BODY_MS, headerMs }),
    proxies: config.TRUSTED_PROXIES ?? [],
    atcUrl: config.TINFOIL_ATC_URL,
    docs: config.DOCS,
  }
}

function sweeping({ sweep, reconcile }: Pick<ReturnType<typeof gateway>, 'sweep' | 'reconcile'>, log: Log) {
  const each = (ms: number, act: () => Promise<void>) =>
    setInterval(() => {
      act().catch(error => log('error', 'sweep_failed', { fault: faultOf(error) }))
    }, ms)
  return [each(SWEEP_MS, sweep), each(RECONCILE_MS, reconcile)]
}

interface Kept {
  store: Store
  keys: Keys
  log: Log
}

/** The backends that are configured, with the keys for them. */
async function backends(config: Config, kept: Kept) {
  const { TINFOIL_API_KEY: key, TINFOIL_BASE_URL, OPENAI_BASE_URL: baseUrl } = config
  return {
    sealed: key && tinfoil(TINFOIL_BASE_URL, key),
    open: baseUrl === undefined ? undefined : openai(baseUrl, await credentials(baseUrl, config, kept)),
  }
}

async function credentials(baseUrl: string, config: Config, { store, keys, log }: Kept) {
  const { VPC_SHARED_SECRET: secret, VPC_CLIENT_ID: clientId, OPENAI_API_KEY = new Secret('') } = config
  if (!secret) return fixed(OPENAI_API_KEY)
  const at = { baseUrl, clientId, secret }
  const given = vpc({ at, send, store, fields: fields(keys.fields), now: Date.now, log })
  await given.begin()
  return given
}

function listen({ HOST, PORT }: Config, fetch: (request: Request, server: Server) => Promise<Response>): Server {
  try {
    return Bun.serve({
      hostname: HOST,
      port: PORT,
      // Unless told not to, Bun lets a second process share the port in silence.
      reusePort: false,
      development: false,
      idleTimeout: IDLE_SECONDS,
      maxRequestBodySize: MAX_UNREAD_BYTES,
      fetch,
    })
  } catch (cause) {
    const taken = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
    const why = taken ? `port ${PORT} is in use: stop what uses it, or set PORT` : `check HOST and PORT`
    throw new ListenFault(`Cannot listen on ${HOST}:${PORT}: ${why}.`, { cause })
  }
}

interface Draining {
  seconds: number
  onSignal: World['onSignal']
  log: Log
}

/** Resolves after a signal, when open streams have ended, the time is up, or a second signal cuts them short. */
async function drained(server: Server, { seconds, onSignal, log }: Draining): Promise<void> {
  const first = Promise.withResolvers<void>()
  const second = Promise.withResolvers<void>()
  let signals = 0
  onSignal(() => (++signals === 1 ? first : second).resolve())
  await first.promise
  log('info', 'draining', { streams: server.pendingRequests })
  await Promise.race([server.stop(), Bun.sleep(seconds * 1000), second.promise])
  if (server.pendingRequests > 0) log('warn', 'cut', { streams: server.pendingRequests })
  await server.stop(true)
}

function displayed(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}
