import { ENCLAVE_URL_HEADER } from '../protocol/enclave-url.ts'
import type { Exchange } from '../protocol/exchange.ts'
import { type ModelRules, requireModel } from '../protocol/model-rules.ts'
import { Problem } from '../protocol/problem.ts'
import { CACHED, FORMS } from '../protocol/routes.ts'
import { relay } from './answer.ts'
import type { Backend } from './backends.ts'
import { type Body, openBody } from './body.ts'
import type { CacheSecrets } from './cache-secret.ts'
import type { Cooldown } from './cooldown.ts'
import type { Enclaves } from './enclaves.ts'
import { type HandOver, type Load, lengthOf } from './hand-over.ts'
import type { Replays } from './replays.ts'
import { formUnder, type RulesNow } from './ruled.ts'
import { isSettled, requireSealed, sealClaimed } from './seal.ts'

interface Deps {
  backend: Backend
  enclaves: Enclaves
  replays: Replays
  cooldown: Cooldown
  cacheSecrets: CacheSecrets
  /** Whatever is sealed is nobody's to rule about. */
  rules: RulesNow
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
 * open prompt is read whole, and gets its caller's cache secret; and so is any open body while there are rules about models.
 */
export type Forward = (request: Request, exchange: Exchange) => Promise<Response>

/**
 * Forwards to one backend, with its key in place of the caller's token. What must not go there is refused before any
 * connection: another host than the list's, one that asked to be left alone, an open body where it must be sealed, a
 * sealed one for the second time.
 */
export function forwardTo(deps: Deps): Forward {
  const { backend, enclaves, replays, cooldown, plaintext, handOver, now, onUnprocessable } = deps

  return async (request, exchange) => {
    exchange.hold()
    exchange.backend = backend.name
    const base = enclaves(request.headers.get(ENCLAVE_URL_HEADER))
    exchange.host = base.host
    const key = sealClaimed(request, plaintext)
    cooldown.check(base.origin)
    const plain = key === undefined ? await plainly(request, exchange, base, deps) : undefined
    const opened = await openBody(request, {
      stallMs: deps.stallMs,
      maxBytes: plain?.isRead ? Math.min(deps.maxJsonBytes, deps.maxBodyBytes) : deps.maxBodyBytes,
      took: piece => exchange.took(piece),
      isEnough: plain ? head => head.length >= plain.least : isSettled,
    })
    if (key !== undefined) requireSealed(opened)
    const body = plain ? await plain.load(opened, exchange) : { body: opened, length: lengthOf(request, opened) }
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

/** How an open body goes up. */
interface Plain {
  /** Whether it is read whole, as JSON. */
  readonly isRead: boolean
  /** The bytes at its beginning without which it does not. */
  readonly least: number
  /** It, and how it is told, as far as it was looked at. */
  load(opened: Body | null, exchange: Exchange): Promise<Pick<Load, 'body' | 'length' | 'type'>>
}

/** @throws Problem `model_not_available` where a header asks for such a model, or names its host */
async function plainly(
  request: Request,
  asked: Exchange,
  { hostname }: URL,
  { rules, cacheSecrets }: Deps,
): Promise<Plain> {
  const route: string = asked.route ?? ''
  const inForce = request.method === 'POST' ? await rules() : NONE
  const isRuled = inForce.size > 0
  if (isRuled) {
    requireModel(inForce, request.headers.get('x-tinfoil-model') ?? '')
    // By the first label of its host a router finds a model, whatever the body names.
    requireModel(inForce, hostname.replace(/\..*/, ''))
  }
  const form = FORMS.has(route) ? formUnder(inForce, request) : undefined
  const isRead = CACHED.has(route) || (isRuled && !FORMS.has(route))
  return {
    isRead,
    least: form?.least ?? 0,
    load: async (opened, exchange) => {
      if (!isRead) return { body: form ? form.watched(opened) : opened, length: lengthOf(request, opened) }
      // What was judged as JSON is read as JSON.
      return {
        ...(await cacheSecrets.added(opened, request.signal, exchange)),
        ...(isRuled && { type: 'application/json' }),
      }
    },
  }
}

const NONE: ModelRules = new Map()

function replayed(): Problem {
  return new Problem('replayed_request', 'This sealed request was sent before: seal each request anew.', {
    headers: { 'x-should-retry': 'false' },
  })
}
