import { RESPONSE_NONCE_HEADER } from '../protocol/ehbp.ts'
import type { BodyEnd, Exchange } from '../protocol/exchange.ts'
import { downHeaders } from '../protocol/headers.ts'
import { Problem } from '../protocol/problem.ts'
import { type Meter, meter } from './meter.ts'
import type { Answer } from './received.ts'
import { type Source, tapped, type Watch } from './stream.ts'

interface Deps {
  request: Request
  exchange: Exchange
  now: () => number
  /** Whether the request's body was sealed, so that an open answer would be a downgrade. */
  sealed: boolean
  backend: string
  /** Where the body comes from, if not from the answer itself, which may then have been read. */
  source?: Source
}

/**
 * The upstream's answer as the client gets it: status and body as they came, headers by the list.
 * @throws Problem `upstream_malformed`, or `enclave_downgrade` for an open success to a sealed request.
 */
export function relay(answer: Answer, { request, exchange, now, sealed, backend, source = answer }: Deps): Response {
  const status = answer.statusCode
  const hasBody = request.method !== 'HEAD' && status !== 204 && status !== 205 && status !== 304
  const refusal = refusalOf(answer, { status, hasBody: hasBody && source === answer, sealed })
  if (refusal) {
    answer.destroy()
    throw refusal
  }
  const headers = downHeaders(answer.headers)
  headers['x-sealgate-body'] = sealed ? 'sealed' : 'plaintext'
  headers['x-sealgate-backend'] = backend
  // 401, 402 and 403 speak of our key, not of the caller's token. The body stays: it may be sealed to the caller.
  const ours = status === 401 || status === 402 || status === 403
  if (ours) {
    exchange.code = 'upstream_credentials'
    headers['x-should-retry'] = 'false'
  }
  exchange.streaming = hasBody
  // Where a path has ids in it, Elysia answers HEAD by its GET and counts the bytes of a body that is not there.
  const length = headers['content-length']
  if (request.method === 'HEAD' && length !== undefined) exchange.headers['content-length'] = length
  if (!hasBody) answer.destroy()
  // Where no length is told Bun writes one of 0, and a HEAD's length is that of the GET (RFC 9110 section 8.6).
  if (request.method === 'HEAD' && !headers['content-length']) headers['transfer-encoding'] = 'chunked'
  const shown = ours ? 502 : status
  // An answer may take long, and the caller's token is of no more use.
  if (hasBody) request.headers.delete('authorization')
  const watch = new Passing({ now, signal: request.signal, exchange, meter: meter(answer, exchange), status: shown })
  return new Response(hasBody ? watch.through(source, 'content-type' in headers) : null, { status: shown, headers })
}

interface Passage extends Pick<Watch, 'now' | 'signal'> {
  exchange: Exchange
  meter: Meter | undefined
  /** As the client sees it. */
  status: number
}

/** What of a body is hashed, counted and settled as it passes. */
class Passing implements Watch {
  readonly now: () => number
  readonly signal: AbortSignal
  readonly #exchange: Exchange
  readonly #meter: Meter | undefined
  readonly #status: number

  constructor({ now, signal, exchange, meter, status }: Passage) {
    this.now = now
    this.signal = signal
    this.#exchange = exchange
    this.#meter = meter
    this.#status = status
  }

  seen(bytes: Buffer): void {
    this.#exchange.receipt?.down.take(bytes)
    this.#meter?.seen(bytes)
  }

  /** The body that goes on: in one write where all of it was here with its headers, as nearly all short ones are. */
  through(source: Source, isTyped: boolean): Buffer | ReadableStream<Uint8Array> {
    // To bytes without a type Bun gives one.
    const whole = isTyped && !this.signal.aborted ? source.whole?.() : undefined
    if (!whole) return tapped(source, this)
    this.seen(whole)
    this.#meter?.ended()
    const firstByteAt = whole.length > 0 ? this.now() : undefined
    this.#exchange.passed = { ending: 'complete', bytes: whole.length, firstByteAt }
    return whole
  }

  ended(end: BodyEnd): void {
    this.#meter?.ended()
    this.#exchange.settle({ ...end, status: this.#status })
  }
}

interface Facts {
  status: number
  hasBody: boolean
  sealed: boolean
}

/** Why an answer is not passed on; `undefined` for one that is. */
export function refusalOf(answer: Answer, { status, hasBody, sealed }: Facts): Problem | undefined {
  // An answer destroyed already held something that is not HTTP in the packet of its headers: nothing would end it.
  if (hasBody && answer.destroyed)
    return new Problem('upstream_malformed', 'The upstream answered with something that is not HTTP.')
  if (sealed && status < 300 && answer.headers[RESPONSE_NONCE_HEADER] === undefined)
    return new Problem(
      'enclave_downgrade',
      'The enclave answered a sealed request in the open: the answer was dropped.',
      {
        headers: { 'x-should-retry': 'false' },
      },
    )
  return undefined
}
