import type { IncomingMessage } from 'node:http'
import type { Exchange } from '../protocol/exchange.ts'
import { downHeaders, upHeaders } from '../protocol/headers.ts'
import { Problem } from '../protocol/problem.ts'
import { type Backend, pathAt } from './backends.ts'
import { tapped } from './stream.ts'
import type { Transport } from './transport.ts'
import { bodyOf } from './upload.ts'

interface Deps {
  backend: Backend
  send: Transport
  now: () => number
  /** What this gateway calls itself upstream, `sealgate/1.2.3`. */
  userAgent: string
  /** Told when a 422 passes: the upstream's key may have changed. */
  onUnprocessable: () => void
}

/** Sends a request on to the upstream and its answer back, bodies unread and unchanged, both ways as they come. */
export type Forward = (request: Request, exchange: Exchange) => Promise<Response>

/** Forwards to one backend, with its key in place of the caller's token. */
export function forwardTo({ backend, send, now, userAgent, onUnprocessable }: Deps): Forward {
  const authorization = `Bearer ${backend.key.reveal()}`

  return async (request, exchange) => {
    exchange.hold()
    const { path, query } = exchange.target
    const answer = await send({
      origin: backend.base,
      method: request.method,
      path: pathAt(backend, path) + query,
      headers: {
        ...upHeaders(request.headers),
        ...framing(request),
        authorization,
        'user-agent': userAgent,
        'x-request-id': exchange.id,
      },
      body: bodyOf(request),
      signal: request.signal,
    })
    if (answer.statusCode === 422) onUnprocessable()
    return relay(answer, request, exchange, now)
  }
}

/** The client's own framing: its length if it told one, else chunks. */
function framing(request: Request): Record<string, string> {
  const length = request.body && request.headers.get('content-length')
  return length ? { 'content-length': length } : {}
}

function relay(answer: IncomingMessage, request: Request, exchange: Exchange, now: () => number): Response {
  const status = answer.statusCode ?? 0
  const hasBody = request.method !== 'HEAD' && status !== 204 && status !== 205 && status !== 304
  // An answer destroyed already held something that is not HTTP in the packet of its headers: nothing would end it.
  if (status < 200 || status > 599 || !isHttp1(answer) || !isFramed(answer) || (hasBody && answer.destroyed)) {
    answer.destroy()
    throw new Problem('upstream_malformed', 'The upstream answered with something that is not HTTP.')
  }
  const headers = downHeaders(answer.headers)
  // 401, 402 and 403 speak of our key, not of the caller's token. The body stays: it may be sealed to the caller.
  const ours = status === 401 || status === 402 || status === 403
  if (ours) {
    exchange.code = 'upstream_credentials'
    headers['x-should-retry'] = 'false'
  }
  exchange.streaming = hasBody
  if (!hasBody) answer.resume()
  // Where no length is told Bun writes one of 0, and a HEAD's length is that of the GET (RFC 9110 section 8.6).
  if (request.method === 'HEAD' && !headers['content-length']) headers['transfer-encoding'] = 'chunked'
  const body = hasBody ? tapped(answer, { now, signal: request.signal, ended: exchange.settle }) : null
  return new Response(body, { status: ours ? 502 : status, headers })
}

/** node:http takes an answer of any version, and frames it by the rules of this one. */
function isHttp1({ httpVersion }: IncomingMessage): boolean {
  return httpVersion === '1.1' || httpVersion === '1.0'
}

/** node:http reads a body in any transfer coding to the connection's end; only `chunked` tells a cut one from a whole. */
function isFramed({ headers }: IncomingMessage): boolean {
  const coding = headers['transfer-encoding']
  return coding === undefined || coding.toLowerCase() === 'chunked'
}
