import { clientAddress, networkMatcher } from '../protocol/addresses.ts'
import { type End, type Ending, Exchange } from '../protocol/exchange.ts'
import { requestIdFrom } from '../protocol/ids.ts'
import { type Fields, faultOf, type Level, type Log, methodOf, ownerTagOf } from '../protocol/log.ts'
import type { Meters } from '../protocol/meters.ts'
import { traceFrom } from '../protocol/trace.ts'

const SILENT = new Set<string | undefined>(['/health', '/readyz'])

interface Deps {
  log: Log
  now: () => number
  /** Seconds after which an idle keep-alive connection is closed. */
  idleSeconds: number
  /** Networks of the proxies whose `X-Forwarded-For` is believed. */
  proxies: readonly string[]
  meters: Pick<Meters, 'began' | 'streams'>
  /** Told once for each exchange when it is over, before the client sees its end. */
  ended: (exchange: Exchange, end: End) => void
}

/** As much of Bun's server as an exchange needs. */
export interface Connections {
  timeout(request: Request, seconds: number): void
  requestIP(request: Request): { address: string } | null
  /** SHA-256 of the public key (SPKI, DER) that TLS showed on them, in hex; absent where TLS ends elsewhere. */
  readonly spki?: string
}

type Fetch = (request: Request) => Response | Promise<Response>

interface Gate extends Pick<Deps, 'log' | 'now' | 'idleSeconds' | 'ended'> {
  readonly isProxy: (address: string) => boolean
}

// Methods, not closures made for each: of those an open stream would keep nine functions and scopes.
/** An exchange that came to the gate. */
class Observed extends Exchange {
  readonly #gate: Gate
  readonly #request: Request
  readonly #connections: Connections | undefined

  constructor(gate: Gate, request: Request, connections: Connections | undefined) {
    const { headers, method } = request
    super(requestIdFrom(headers.get('x-request-id')), gate.now())
    this.#gate = gate
    this.#request = request
    this.#connections = connections
    this.method = methodOf(method)
    this.trace = traceFrom(headers.get('traceparent'))
    this.spki = connections?.spki
  }

  override peer(): string {
    return this.#connections?.requestIP(this.#request)?.address ?? 'unknown'
  }

  override address(): string {
    return clientAddress(this.peer(), this.#request.headers.get('x-forwarded-for'), this.#gate.isProxy)
  }

  override hold(): void {
    this.#connections?.timeout(this.#request, 0)
  }

  /** Gives its connection the idle time-out again. */
  release(): void {
    this.#connections?.timeout(this.#request, this.#gate.idleSeconds)
  }

  override settle(end: End): void {
    const { log, now, ended } = this.#gate
    this.release()
    log(end.ending === 'failed' ? 'error' : 'info', 'stream', streamFields(this, end, now()))
    ended(this, end)
  }
}

/** Opens an exchange for each request, marks its answer, and writes its line at the headers and at the last byte. */
export function observe({ log, now, idleSeconds, proxies, meters, ended }: Deps) {
  const gate = { log, now, idleSeconds, ended, isProxy: networkMatcher(proxies) }
  const exchanges = new WeakMap<Request, Exchange>()

  function logAnswer(exchange: Exchange, status: number): void {
    if (SILENT.has(exchange.route)) return
    const { method, route, backend, code, cause } = exchange
    const fields: Fields = { method, route: route ?? 'none', status, ms: round(now() - exchange.startedAt) }
    tellWhose(exchange, fields)
    if (backend) fields.backend = backend
    if (code) fields.code = code
    if (cause !== undefined) fields.fault = faultOf(cause)
    log(levelOf(status), 'request', fields)
  }

  return {
    /** The exchange a request belongs to. */
    exchangeOf: (request: Request): Exchange => {
      const exchange = exchanges.get(request)
      if (!exchange) throw new TypeError('a request from outside the gate')
      return exchange
    },
    around:
      (inner: Fetch) =>
      async (request: Request, connections?: Connections): Promise<Response> => {
        const exchange = new Observed(gate, request, connections)
        exchanges.set(request, exchange)
        meters.began()
        const response = await inner(request)
        if (exchange.streaming) meters.streams()
        else {
          exchange.release()
          const { bytesDown: bytes, receipt } = exchange
          // In one piece, and so at hand.
          if (receipt) receipt.down.take(await bytesOut(request, response))
          ended(exchange, { status: response.status, ending: endingOf(exchange), bytes, firstByteAt: undefined })
        }
        const { headers } = response
        for (const name in exchange.headers) headers.set(name, exchange.headers[name] ?? '')
        headers.set('x-protocol-version', '1')
        headers.set('x-request-id', exchange.id)
        logAnswer(exchange, response.status)
        if (exchange.passed) exchange.settle({ ...exchange.passed, status: response.status })
        return response
      },
  }
}

/** What of an answer goes out as its body. */
async function bytesOut({ method }: Request, response: Response): Promise<Uint8Array | undefined> {
  return method === 'HEAD' ? undefined : response.clone().bytes()
}

function streamFields(exchange: Exchange, { ending, bytes, firstByteAt }: End, endedAt: number): Fields {
  const fields: Fields = { ending, bytes }
  if (firstByteAt !== undefined) fields.first_byte_ms = round(firstByteAt - exchange.startedAt)
  fields.ms = round(endedAt - exchange.startedAt)
  tellWhose(exchange, fields)
  return fields
}

function tellWhose({ id, trace, principal }: Exchange, fields: Fields): void {
  fields.request = id
  if (trace) fields.trace = trace.id
  if (principal) fields.owner = ownerTagOf(principal.owner)
}

/** How an exchange without a streamed answer ended. */
function endingOf({ code, reached }: Exchange): Ending {
  if (code === 'client_gone' || (reached && code === 'account_restricted')) return 'cancelled'
  return reached && code !== undefined ? 'failed' : 'complete'
}

function levelOf(status: number): Level {
  return status >= 500 ? 'error' : status >= 400 ? 'warn' : 'info'
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10
}
