import { RESPONSE_NONCE_HEADER } from '../protocol/ehbp.ts'
import type { BodyEnd, Exchange } from '../protocol/exchange.ts'
import { downHeaders } from '../protocol/headers.ts'
import { Problem } from '../protocol/problem.ts'
import { type Meter, meter } from './meter.ts'
import type { Answer } from './received.ts'
import { type Source, tapped } from './stream.ts'

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
  const watch = meter(answer, exchange)
  const isTyped = 'content-type' in headers
  const body = hasBody ? bodyOf(source, watch, { request, exchange, now, status: shown, isTyped }) : null
  return new Response(body, { status: shown, headers })
}

interface Passing extends Pick<Deps, 'request' | 'exchange' | 'now'> {
  status: number
  /** Whether its headers say what it is: to bytes that have no type Bun gives one. */
  isTyped: boolean
}

/** The body that goes on, watched: in one write where all of it is here, as nearly all short ones are. */
function bodyOf(source: Source, watch: Meter | undefined, { request, exchange, now, status, isTyped }: Passing) {
  const { receipt } = exchange
  const { signal } = request
  const seen = receipt
    ? (bytes: Buffer) => {
        receipt.down.take(bytes)
        watch?.seen(bytes)
      }
    : watch?.seen
  const whole = isTyped && !signal.aborted ? source.whole?.() : undefined
  if (!whole) {
    const ended = (end: BodyEnd) => {
      watch?.ended()
      exchange.settle({ ...end, status })
    }
    return tapped(source, { now, signal, seen, ended })
  }
  seen?.(whole)
  watch?.ended()
  exchange.passed = { ending: 'complete', bytes: whole.length, firstByteAt: whole.length > 0 ? now() : undefined }
  return whole
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
