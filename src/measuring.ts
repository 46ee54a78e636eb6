import { databaseTlsOf } from './config/database.ts'
import { isInUse, ListenFault } from './listening.ts'
import type { Address } from './protocol/kinds.ts'
import { faultOf, type Log } from './protocol/log.ts'
import { type Meters, NO_METERS } from './protocol/meters.ts'
import type { Config } from './settings.ts'
import type { Store } from './store/store.ts'
import { timed } from './store/timed.ts'
import { COMMIT, VERSION } from './version.ts'

/** Where metrics are served unless METRICS_ADDR says otherwise: the port is that of OpenTelemetry's exporter. */
export const METRICS_AT: Address = { host: '127.0.0.1', port: 9464 }

const IDLE_SECONDS = 10

/** What counts, and what shows it. */
export interface Measuring {
  readonly meters: Meters
  /** A store whose statements are counted. */
  timed(store: Store): Store
  /** Says in the log where it listens, or that it does not. */
  announce(): void
  stop(): Promise<void>
}

interface Deps {
  tee: 'dstack' | 'simulated' | undefined
  keysAgeMs: (() => number) | undefined
  log: Log
  /** Where it listens if no address was set. */
  unset?: Address
}

/**
 * Begins to count, on a listener of its own. Where it may not listen nothing is counted: a warning if nobody chose the
 * address. @throws ListenFault if METRICS_ADDR did.
 */
export async function measuring(config: Config, { tee, keysAgeMs, log, unset = METRICS_AT }: Deps): Promise<Measuring> {
  const { METRICS_ADDR: given, TINFOIL_API_KEY: sealed, OPENAI_BASE_URL: open } = config
  if (given === 'off') return NOTHING
  // Loaded only here, for it takes some milliseconds.
  const [{ metrics }, { exposition }] = await Promise.all([
    import('./metrics/metrics.ts'),
    import('./metrics/exposition.ts'),
  ])
  const engine = databaseTlsOf(config) === undefined ? 'sqlite' : 'postgresql'
  const backends = [...(sealed ? (['tinfoil'] as const) : []), ...(open ? (['openai'] as const) : [])]
  const counted = metrics({
    version: VERSION,
    commit: COMMIT,
    tee: tee ?? 'none',
    engine,
    backends,
    keysAgeMs,
    now: Date.now,
  })
  try {
    const server = listen(given ?? unset, exposition(counted))
    return {
      announce: () => log('info', 'metrics_on', { port: server.port ?? 0 }),
      meters: counted.meters,
      timed: store => timed(store, counted.meters.asked),
      stop: async () => {
        counted.stop()
        await server.stop(true)
      },
    }
  } catch (cause) {
    counted.stop()
    if (given) throw cannotListen(given, cause)
    const announce = () => log('warn', 'metrics_failed', { port: unset.port, fault: faultOf(cause) })
    return { ...NOTHING, announce }
  }
}

const NOTHING: Measuring = {
  meters: NO_METERS,
  timed: store => store,
  announce: () => undefined,
  stop: async () => undefined,
}

function listen({ host, port }: Address, fetch: (request: Request) => Promise<Response>): Bun.Server<undefined> {
  return Bun.serve({
    hostname: host,
    port,
    reusePort: false,
    development: false,
    idleTimeout: IDLE_SECONDS,
    maxRequestBodySize: 1024,
    fetch,
  })
}

function cannotListen({ host, port }: Address, cause: unknown): ListenFault {
  const why = isInUse(cause) ? 'it is in use' : 'the address is not one of this machine'
  return new ListenFault(
    `Cannot serve metrics on ${host}:${port}: ${why}. Set METRICS_ADDR to another address, or to \`off\`.`,
    { cause },
  )
}
