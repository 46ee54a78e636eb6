import { gateway } from '../../src/app.ts'
import { type DevIssuer, devIssuer } from '../../src/dev/issuer.ts'
import { keySet } from '../../src/gate/keyset.ts'
import { type Ledger, ledger } from '../../src/gate/ledger.ts'
import { limiter } from '../../src/gate/limiter.ts'
import { logger } from '../../src/gate/log.ts'
import { Secret } from '../../src/protocol/secret.ts'
import { openStore } from '../../src/store/open.ts'
import { tinfoil } from '../../src/upstream/backends.ts'
import { type Call, call as callOut } from '../../src/upstream/call.ts'
import { keySetSource } from '../../src/upstream/sources.ts'
import { type Patience, type Transport, transport } from '../../src/upstream/transport.ts'

export const ISSUER = 'https://issuer.example'
export const AUDIENCE = 'sealgate-test'
export const UPSTREAM_KEY = 'tk-upstream-key-for-tests'

export interface KitOptions {
  /** Base URL of the upstream. */
  upstream: string
  rpm?: number
  burst?: number
  /** Tokens a caller may use in a day; no limit unless given. */
  tokenLimit?: number
  /** A SQLite file; memory unless given. */
  path?: string
  now?: () => number
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
  /** What carries requests upstream, in place of the real transport. */
  send?: Transport
  /** Origins whose pages may call. */
  origins?: readonly string[]
  /** Where the key set is fetched; an issuer of the kit's own unless given. */
  jwksUrl?: string
  /** How documents of others are fetched; as main does unless given. */
  call?: Call
  expected?: { issuer: string | undefined; audiences: readonly string[] }
}

/** A whole gateway in this process on a free loopback port, with an issuer of its own. */
export interface Kit {
  readonly url: string
  readonly issuer: DevIssuer
  /** Every line logged so far. */
  readonly lines: string[]
  readonly fetch: (request: Request) => Promise<Response>
  /** Forgets full buckets, as the program does each minute. */
  readonly sweep: () => Promise<void>
  readonly ledger: Ledger
  readonly routes: readonly { method: string; path: string }[]
  /** An `Authorization` header for a caller of that name. */
  bearer(subject?: string, scope?: string, seconds?: number): Promise<{ authorization: string }>
  stop(): Promise<void>
}

/** Starts a gateway as main does, with the parts a test wants to choose. */
export async function startGateway(options: KitOptions): Promise<Kit> {
  const { upstream, rpm = 0, burst = 10, path = ':memory:', now = Date.now } = options
  const { patience = {}, idleSeconds = 30, call = callOut } = options
  const issuer = await devIssuer()
  const lines: string[] = []
  const log = logger({ format: 'json', level: 'debug', now, write: line => lines.push(line) })
  const { store, keys } = await openStore({ path, dataKey: undefined, identityKey: undefined })
  const set = keySet({
    load: keySetSource({ call, jwksUrl: options.jwksUrl ?? issuer.jwksUrl, issuer: ISSUER }),
    now,
    log,
  })
  const tokenLimit = options.tokenLimit ?? 0
  const booked = ledger({ store, log, flushMs: tokenLimit > 0 ? 0 : 500 })
  const { fetch, sweep, routes } = gateway({
    version: '0.0.0-test',
    log,
    now,
    store,
    keys,
    keySet: set,
    expected: options.expected ?? { issuer: ISSUER, audiences: [AUDIENCE] },
    limiter: rpm > 0 ? limiter({ store, now, rpm, burst }) : undefined,
    ledger: booked,
    tokenLimit,
    backend: tinfoil(upstream, new Secret(UPSTREAM_KEY)),
    enclaveHosts: options.enclaveHosts ?? ['inference.tinfoil.sh'],
    plaintext: options.plaintext ?? true,
    origins: options.origins ?? [],
    call,
    stallMs: patience.bodyMs ?? 60_000,
    send: options.send ?? transport({ connectMs: 10_000, bodyMs: 60_000, headerMs: 600_000, ...patience }),
    idleSeconds,
    proxies: options.proxies ?? [],
    atcUrl: options.atcUrl ?? upstream,
    docs: options.docs ?? true,
  })
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    reusePort: false,
    development: false,
    idleTimeout: idleSeconds,
    maxRequestBodySize: 128 * 1024 * 1024,
    fetch,
  })
  return {
    url: server.url.origin,
    issuer,
    lines,
    fetch,
    sweep,
    ledger: booked,
    routes,
    bearer: async (subject = 'ada', scope = 'inference', seconds = 86_400) => {
      const token = await issuer.token({ issuer: ISSUER, audience: AUDIENCE, subject, scope, seconds })
      return { authorization: `Bearer ${token}` }
    },
    stop: async () => {
      set.stop()
      await server.stop(true)
      await issuer.stop()
      await booked.close()
      store.close()
    },
  }
}
