import type { Exchange } from '../protocol/exchange.ts'
import type { Kind } from '../protocol/reference-names.ts'
import { relay } from './answer.ts'
import type { Backend } from './backends.ts'
import { openBody } from './body.ts'
import type { Claim } from './claim.ts'
import type { Cooldown } from './cooldown.ts'
import { type HandOver, type Load, lengthOf } from './hand-over.ts'
import { type Reading, readJudged } from './judged.ts'
import { formUnder, type RulesNow } from './ruled.ts'
import { bodyOf } from './whole.ts'

interface Deps extends Reading {
  backend: Backend
  cooldown: Cooldown
  handOver: HandOver
  claim: Claim
  rules: RulesNow
  now: () => number
}

/** What is taken of a request. */
export interface Taking {
  /**
   * A JSON object that may name things, which is read; a form, which passes as it comes, looked through where a model is
   * shut; one that is always looked through, and may name nothing; or no body.
   */
  readonly body: 'json' | 'form' | 'nameless form' | 'none'
  /** Ours for what is asked, beginning with `/v1`; as the client wrote it unless told. */
  readonly path?: string
  /** What it makes that is to be its caller's. */
  readonly makes?: Kind
}

/** Sends a request on to a backend that reads open bodies, and its answer back, both byte for byte. */
export type ForwardOpen = (request: Request, exchange: Exchange, taking: Taking) => Promise<Response>

/** Forwards to one such backend. What a body names is judged before any connection. */
export function forwardOpen(deps: Deps): ForwardOpen {
  const { backend, cooldown, handOver, claim, now } = deps
  return async (request, exchange, { body: kind, path = exchange.target.path, makes }) => {
    exchange.hold()
    exchange.backend = backend.name
    exchange.host = backend.base.host
    cooldown.check(backend.base.origin)
    const load = kind === 'none' ? NOTHING : await loadOf(request, exchange, kind, deps)
    const send = async (key?: string) => {
      const answer = await handOver(request, exchange, { backend, path, ...load, ...(key && { idempotencyKey: key }) })
      cooldown.heed(backend.base.origin, answer)
      return answer
    }
    const told = { request, exchange, now, sealed: false, backend: backend.name }
    if (makes === undefined) return relay(await send(), told)
    const { answer, source } = await claim(request, exchange, makes, send)
    return relay(answer, { ...told, source })
  }
}

type Goods = Pick<Load, 'body' | 'length' | 'type'>

const NOTHING: Goods = { body: null, length: null }
// What was judged as JSON is read as JSON.
const JSON_TYPE = 'application/json'

async function loadOf(request: Request, exchange: Exchange, kind: Taking['body'], deps: Deps): Promise<Goods> {
  const { stallMs, maxBodyBytes, rules } = deps
  if (kind === 'json') {
    const pieces = await readJudged(request, exchange, deps)
    return pieces.length === 0 ? { ...NOTHING, length: 0 } : { ...bodyOf(pieces), type: JSON_TYPE }
  }
  const took = (piece: Uint8Array | undefined) => exchange.took(piece)
  const form = formUnder(await rules(), request, kind === 'form')
  const isEnough = (head: Uint8Array) => !form || head.length >= form.least
  const body = await openBody(request, { stallMs, maxBytes: maxBodyBytes, took, isEnough })
  return { body: form ? form.watched(body) : body, length: lengthOf(request, body) }
}
