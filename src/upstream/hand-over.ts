import type { Exchange } from '../protocol/exchange.ts'
import { idempotencyKeyOf, upHeaders } from '../protocol/headers.ts'
import { traceparentOf } from '../protocol/trace.ts'
import { type Backend, pathAt } from './backends.ts'
import type { Body } from './body.ts'
import type { Answer } from './received.ts'
import type { Transport } from './transport.ts'

/** What of a request goes up beside its headers, and where. */
export interface Load {
  readonly backend: Backend
  /** Where it goes; the backend's own base unless told. */
  readonly base?: URL
  /** Ours for what is asked, beginning with `/v1`; as the client wrote it unless told. */
  readonly path?: string
  readonly body: Body | null
  readonly length: Length
  /** Its media type; as the client wrote it unless told. */
  readonly type?: string
  /** Its `Idempotency-Key`; the client's, made the caller's own, unless told. */
  readonly idempotencyKey?: string
  /** What breaks it off; the client's leaving unless told. */
  readonly signal?: AbortSignal
}

/** A body's length, `null` where none is told and it goes in chunks. */
type Length = string | number | null

/** Hands a request over to a backend; as {@link Transport}. */
export type HandOver = (request: Request, exchange: Exchange, load: Load) => Promise<Answer>

interface Deps {
  send: Transport
  identityKey: Uint8Array
  /** What this gateway calls itself upstream, `sealgate/1.2.3`. */
  userAgent: string
}

/**
 * Hands requests over with the backend's key in place of the caller's token. Where that key is refused and there is another
 * one now, a body that is still here goes up once more.
 */
export function handOver({ send, identityKey, userAgent }: Deps): HandOver {
  return async (request, exchange, load) => {
    const { backend, base = backend.base, path = exchange.target.path, body, length, type } = load
    const { signal = request.signal } = load
    const { credentials, below, passes, asks } = backend
    const owner = exchange.principal?.owner ?? ''
    const chosen = request.headers.get('idempotency-key')
    const { idempotencyKey = chosen === null ? null : idempotencyKeyOf(identityKey, owner, chosen) } = load
    const sendWith = (authorization: string) =>
      send({
        origin: base,
        method: request.method,
        path: pathAt(base, path.slice(below.length)) + exchange.target.query,
        headers: headersOf(request, exchange, { passes, type, length, idempotencyKey, authorization, userAgent, asks }),
        body,
        reached: () => {
          exchange.reached = true
        },
        signal,
      })
    const given = credentials.current()
    const authorization = typeof given === 'string' ? given : await given
    const answer = await sendWith(authorization)
    if (answer.statusCode !== 401 || !(await credentials.renewed(authorization)) || body?.rest) return answer
    answer.destroy()
    return sendWith(await credentials.current())
  }
}

interface Said extends Pick<Load, 'length'>, Pick<Backend, 'passes' | 'asks'> {
  type: string | undefined
  idempotencyKey: string | null
  authorization: string
  userAgent: string
}

/** What goes up as headers, put into one object. */
function headersOf(request: Request, { id, trace }: Exchange, said: Said): Record<string, string> {
  const headers = upHeaders(request.headers, said.passes)
  if (said.type !== undefined) headers['content-type'] = said.type
  if (said.length !== null) headers['content-length'] = String(said.length)
  if (said.idempotencyKey !== null) headers['idempotency-key'] = said.idempotencyKey
  headers['authorization'] = said.authorization
  headers['user-agent'] = said.userAgent
  headers['x-request-id'] = id
  if (trace) headers['traceparent'] = traceparentOf(trace)
  return Object.assign(headers, said.asks)
}

// Not by the request's own body: what asks for that makes a stream of it.
/** The client's own framing. */
export const lengthOf = ({ headers }: Request, opened: Body | null): Length => opened && headers.get('content-length')
