import type { IncomingMessage } from 'node:http'
import type { Exchange } from '../protocol/exchange.ts'
import { idempotencyKeyOf, upHeaders } from '../protocol/headers.ts'
import { Problem } from '../protocol/problem.ts'
import { relay } from './answer.ts'
import { type Backend, pathAt } from './backends.ts'
import { type Body, openBody } from './body.ts'
import type { Enclaves } from './enclaves.ts'
import type { Replays } from './replays.ts'
import { isSettled, requireSealed, sealClaimed } from './seal.ts'
import type { Transport } from './transport.ts'

interface Deps {
  backend: Backend
  enclaves: Enclaves
  replays: Replays
  /** Whether a body may go up unsealed. */
  plaintext: boolean
  send: Transport
  now: () => number
  /** Milliseconds without a byte of its body after which a client is given up. */
  stallMs: number
  identityKey: Uint8Array
  /** What this gateway calls itself upstream, `sealgate/1.2.3`. */
  userAgent: string
  /** Told when a 422 passes: the upstream's key may have changed. */
  onUnprocessable: () => void
}

/** Sends a request on to the upstream and its answer back, bodies unread and unchanged, both ways as they come. */
export type Forward = (request: Request, exchange: Exchange) => Promise<Response>

/**
 * Forwards to one backend, with its key in place of the caller's token. What must not go there is refused before any
 * connection: another host than the list's, an open body where it must be sealed, a sealed one for the second time.
 */
export function forwardTo(deps: Deps): Forward {
  const { backend, enclaves, replays, plaintext, now, stallMs, onUnprocessable } = deps
  const authorization = `Bearer ${backend.key.reveal()}`

  return async (request, exchange) => {
    exchange.hold()
    exchange.backend = backend.name
    const base = enclaves(request.headers.get('x-tinfoil-enclave-url'))
    const key = sealClaimed(request, plaintext)
    const body = await openBody(request, { stallMs, isEnough: key === undefined ? anything : isSettled })
    if (key !== undefined) requireSealed(body)
    const forget = () => key !== undefined && replays.forget(key)
    if (key !== undefined && !replays.remember(key)) throw replayed()
    const answer = await handOver(request, exchange, { base, body, authorization }, deps).catch(error => {
      if (!exchange.reached) forget()
      throw error
    })
    if (answer.statusCode === 422) {
      forget()
      onUnprocessable()
    }
    return relay(answer, { request, exchange, now, sealed: key !== undefined, backend: backend.name })
  }
}

function handOver(
  request: Request,
  exchange: Exchange,
  { base, body, authorization }: { base: URL; body: Body | null; authorization: string },
  { send, identityKey, userAgent }: Deps,
): Promise<IncomingMessage> {
  const { path, query } = exchange.target
  const idempotencyKey = request.headers.get('idempotency-key')
  const owner = exchange.principal?.owner ?? ''
  return send({
    origin: base,
    method: request.method,
    path: pathAt(base, path) + query,
    headers: {
      ...upHeaders(request.headers),
      ...framing(request),
      ...(idempotencyKey !== null && { 'idempotency-key': idempotencyKeyOf(identityKey, owner, idempotencyKey) }),
      authorization,
      'user-agent': userAgent,
      'x-request-id': exchange.id,
    },
    body,
    reached: () => {
      exchange.reached = true
    },
    signal: request.signal,
  })
}

/** The client's own framing: its length if it told one, else chunks. */
function framing(request: Request): Record<string, string> {
  const length = request.body && request.headers.get('content-length')
  return length ? { 'content-length': length } : {}
}

const anything = () => true

function replayed(): Problem {
  return new Problem('replayed_request', 'This sealed request was sent before: seal each request anew.', {
    headers: { 'x-should-retry': 'false' },
  })
}
