import type { Connections } from './gate/observe.ts'
import type { Log } from './protocol/log.ts'
import type { Pair } from './tls/pair.ts'
import { steerToSecond } from './tls/steer.ts'

// The server closes a connection that is idle for so long; a forwarded request lifts it.
const IDLE_SECONDS = 30
// Bun's own limit answers in its own words: ours is the one that counts. What nobody reads, Bun drops as it comes
// (measured: 2 GB to a 401, in chunks or by length, moved memory by less than 10 MB).
const MAX_UNREAD_BYTES = Number.MAX_SAFE_INTEGER
// Longer than a client keeps a connection that it does not use (KEEP_ALIVE_SECONDS, which Bun rounds up), and than any
// handshake takes.
const RETIRING_MS = 15_000

type Server = Bun.Server<undefined>

/** An address that cannot be listened on; the message says which and the way out. */
export class ListenFault extends Error {
  override readonly name = 'ListenFault'
}

interface Place {
  readonly host: string
  /** 0 takes any free one. */
  readonly port: number
  readonly minVersion: '1.2' | '1.3'
  readonly fetch: (request: Request, connections: Connections) => Promise<Response>
  /** Whether other workers listen there too. */
  readonly isShared?: boolean
  /** How long a listener that was replaced goes on with what comes over its connections. */
  readonly retiringMs?: number
}

interface Draining {
  seconds: number
  /** Calls back at each signal that asks the program to end. */
  onSignal: (listener: () => void) => void
  log: Log
}

/** A port that is listened on. */
export interface Listening {
  readonly port: number
  /**
   * Serves with another pair from now on, or throws a ListenFault; resolves once nothing is accepted with the one
   * before. No connection is cut: each goes on with the key that it began with, and is closed after its answer.
   */
  replace(pair: Pair): Promise<void>
  /** Resolves after a signal, when open streams have ended, the time is up, or a second signal cuts them short. */
  drained(draining: Draining): Promise<void>
}

/** Listens, with TLS if a pair is given. @throws ListenFault */
export function listening(place: Place, pair?: Pair): Listening {
  if (pair && !place.isShared) makeSureOf(place)
  let current = open(place, pair)
  const { port = place.port } = current.server
  let isDraining = false
  // What listens, or has streams yet to end.
  const servers = new Set([current.server])
  const streams = () => servers.values().reduce((sum, { pendingRequests }) => sum + pendingRequests, 0)
  const stopAll = (isCut: boolean) => Promise.all(servers.values().map(server => server.stop(isCut)))

  return {
    port,
    replace: next => {
      if (isDraining) return Promise.resolve()
      const old = current
      current = open({ ...place, port }, next)
      servers.add(current.server)
      // Of several workers each has two for a while, and no program tells the new ones from the old.
      if (!place.isShared) steerToSecond()
      old.retire()
      return Bun.sleep(place.retiringMs ?? RETIRING_MS).then(() => {
        void old.server.stop().then(() => servers.delete(old.server))
      })
    },
    drained: async ({ seconds, onSignal, log }) => {
      const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      let signals = 0
      onSignal(() => (++signals === 1 ? first : second).resolve())
      await first.promise
      isDraining = true
      log('info', 'draining', { streams: streams() })
      await Promise.race([stopAll(false), Bun.sleep(seconds * 1000), second.promise])
      if (streams() > 0) log('warn', 'cut', { streams: streams() })
      await stopAll(true)
    },
  }
}

function open({ host, port, minVersion, fetch, isShared }: Place, pair: Pair | undefined) {
  let isRetiring = false
  const server: Server = guarded({ host, port }, () =>
    Bun.serve({
      hostname: host,
      port,
      // Unless told not to, Bun lets a second process share the port in silence.
      reusePort: isShared || pair !== undefined,
      development: false,
      idleTimeout: IDLE_SECONDS,
      maxRequestBodySize: MAX_UNREAD_BYTES,
      ...(pair && { tls: tlsOf(pair, minVersion) }),
      fetch: request => (isRetiring ? fetch(request, connections).then(closing) : fetch(request, connections)),
    }),
  )
  const connections: Connections = {
    timeout: (request, seconds) => server.timeout(request, seconds),
    requestIP: request => server.requestIP(request),
    ...(pair && { spki: pair.spki }),
  }
  return {
    server,
    retire: () => {
      isRetiring = true
    },
  }
}

/** The answer after which a connection ends: whoever asks next is led to the listener in force. */
function closing(response: Response): Response {
  response.headers.set('connection', 'close')
  return response
}

/**
 * Makes sure that nobody else listens there: processes that share a port each get some of what is meant for the other.
 * @throws ListenFault
 */
export function makeSureOf({ host, port }: Pick<Place, 'host' | 'port'>): void {
  // Where any free port will do, Linux gives none that somebody has.
  if (port === 0) return
  const nobody = () => new Response()
  void guarded({ host, port }, () => Bun.serve({ hostname: host, port, reusePort: false, fetch: nobody })).stop(true)
}

function tlsOf({ key, chain }: Pair, minVersion: Place['minVersion']) {
  // Numbers, as OpenSSL has them: a text throws.
  return { key, cert: chain, minVersion: minVersion === '1.2' ? 0x0303 : 0x0304 }
}

function guarded<T>({ host, port }: Pick<Place, 'host' | 'port'>, act: () => T): T {
  try {
    return act()
  } catch (cause) {
    const why = isInUse(cause) ? `port ${port} is in use: stop what uses it, or set PORT` : `check HOST and PORT`
    throw new ListenFault(`Cannot listen on ${host}:${port}: ${why}.`, { cause })
  }
}

/** Whether an address could not be listened on because somebody does already. */
export function isInUse(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
}
