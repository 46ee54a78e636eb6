import { ENCLAVE_URL_HEADER } from '../protocol/enclave-url.ts'
import type { Exchange } from '../protocol/exchange.ts'
import { Problem } from '../protocol/problem.ts'
import { CACHED } from '../protocol/routes.ts'
import { relay } from './answer.ts'
import type { Backend } from './backends.ts'
import { openBody } from './body.ts'
import type { CacheSecrets } from './cache-secret.ts'
import type { Cooldown } from './cooldown.ts'
import type { Enclaves } from './enclaves.ts'
import { type HandOver, lengthOf } from './hand-over.ts'
import type { Replays } from './replays.ts'
import { isSettled, requireSealed, sealClaimed } from './seal.ts'

interface Deps {
  backend: Backend
  enclaves: Enclaves
  replays: Replays
  cooldown: Cooldown
  cacheSecrets: CacheSecrets
  /** Whether a body may go up unsealed. */
  plaintext: boolean
  handOver: HandOver
  now: () => number
  /** The longest request body. */
  maxBodyBytes: number
  /** The longest one that is read. */
  maxJsonBytes: number
  /** Milliseconds without a byte of its body after which a client is given up. */
  stallMs: number
  /** Told when a 422 passes: the upstream's key may have changed. */
  onUnprocessable: () => void
}

/**
 * Sends a request on to the upstream and its answer back, bodies unread and unchanged, both ways as they come; but an
 * open prompt is read whole, and gets its caller's cache secret.
 */
export type Forward = (request: Request, exchange: Exchange) => Promise<Response>

/**
 * Forwards to one backend, with its key in place of the caller's token. What must not go there is refused before any
 * connection: another host than the list's, one that asked to be left alone, an open body where it must be sealed, a
 * sealed one for the second time.
 */
export function forwardTo(deps: Deps): Forward {
  const { backend, enclaves, replays, cooldown, cacheSecrets, plaintext, handOver, now, onUnprocessable } = deps

  return async (request, exchange) => {
    exchange.hold()
    exchange.backend = backend.name
    const base = enclaves(request.headers.get(ENCLAVE_URL_HEADER))
    const key = sealClaimed(request, plaintext)
    cooldown.check(base.origin)
    const isPrompt = key === undefined && CACHED.has(exchange.route ?? '')
    const opened = await openBody(request, {
      stallMs: deps.stallMs,
      maxBytes: isPrompt ? Math.min(deps.maxJsonBytes, deps.maxBodyBytes) : deps.maxBodyBytes,
      counted: bytes => {
        exchange.bytesUp += bytes
      },
      isEnough: key === undefined ? anything : isSettled,
    })
    if (key !== undefined) requireSealed(opened)
    const body = isPrompt ? await cacheSecrets.added(opened, exchange) : { body: opened, length: lengthOf(request) }
    const forget = () => key !== undefined && replays.forget(key)
    if (key !== undefined && !replays.remember(key)) throw replayed()
    const answer = await handOver(request, exchange, { backend, base, ...body }).catch(error => {
      if (!exchange.reached) forget()
      throw error
    })
    cooldown.heed(base.origin, answer)
    if (answer.statusCode === 422) {
      forget()
      onUnprocessable()
    }
    return relay(answer, { request, exchange, now, sealed: key !== undefined, backend: backend.name })
  }
}

const anything = () => true

function replayed(): Problem {
  return new Problem('replayed_request', 'This sealed request was sent before: seal each request anew.', {
    headers: { 'x-should-retry': 'false' },
  })
}
