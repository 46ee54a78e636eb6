import { databaseTlsOf } from './config/database.ts'
import { isInUse, ListenFault } from './listening.ts'
import type { Metrics } from './metrics/metrics.ts'
import type { Address } from './protocol/kinds.ts'
import { faultOf, type Log } from './protocol/log.ts'
import { type Meters, NO_METERS } from './protocol/meters.ts'
import type { Config } from './settings.ts'
import type { Store } from './store/store.ts'
import { timed } from './store/timed.ts'
import { COMMIT, VERSION } from './version.ts'
import type { Link } from './workers/link.ts'

/** Where metrics are served unless METRICS_ADDR says otherwise: the port is that of OpenTelemetry's exporter. */
export const METRICS_AT: Address = { host: '127.0.0.1', port: 9464 }

const IDLE_SECONDS = 10

/** What counts, and what shows it. */
export interface Measuring {
  readonly meters: Meters
  /** A store whose statements are counted. */
  timed(store: Store): Store
  /** Whether anything is. */
  readonly isOn: boolean
  /** Says in the log where it listens, or that it does not. */
  announce(): void
  stop(): Promise<void>
}

/** Processes that count for one. */
export interface Workforce {
  /** How many there are. */
  readonly count: number
  /** How many died so far. */
  readonly deaths: number
  /** What all of them counted, with the supervisor's own. */
  text(own: Metrics): Promise<string>
}

interface Deps {
  tee: 'dstack' | 'simulated' | undefined
  keysAgeMs: (() => number) | undefined
  followed?: Store['followed']
  log: Log
  /** Of a worker, to whose supervisor it is told in the place of a listener. */
  link?: Pick<Link, 'isMeasured' | 'onCount'> | undefined
  /** Of a supervisor, to whom it is told. */
  workers?: Workforce
  /** Where it listens if no address was set. */
  unset?: Address
}

/**
 * Begins to count, on a listener of its own. Where it may not listen nothing is counted: a warning if nobody chose the
 * address. @throws ListenFault if METRICS_ADDR did.
 */
export async function measuring(config: Config, deps: Deps): Promise<Measuring> {
  const { tee, keysAgeMs, followed, log, link, workers, unset = METRICS_AT } = deps
  const { METRICS_ADDR: given, TINFOIL_API_KEY: sealed, OPENAI_BASE_URL: open } = config
  if (given === 'off' || link?.isMeasured === false) return NOTHING
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
    followed,
    workers,
    now: Date.now,
  })
  const on = { isOn: true, meters: counted.meters, timed: (store: Store) => timed(store, counted.meters.asked) }
  if (link) {
    link.onCount(counted.json)
    return { ...NOTHING, ...on, stop: async () => counted.stop() }
  }
  try {
    // It would be taken before the gateway itself listens.
    if (!given && config.PORT === unset.port) throw new ListenFault('PORT is where metrics would be.')
    const at = given ?? unset
    const text = workers ? () => workers.text(counted) : counted.text
    const server = listen(at, exposition({ ...counted, text, host: at.host }))
    return {
      ...on,
      announce: () => log('info', 'metrics_on', { port: server.port ?? 0 }),
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
  isOn: false,
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
  const why = isInUse(cause) ? 'it is in use' : 'the address is not one of this machine, or its port not for this user'
  return new ListenFault(
    `Cannot serve metrics on ${host}:${port}: ${why}. Set METRICS_ADDR to another address, or to \`off\`.`,
    { cause },
  )
}
