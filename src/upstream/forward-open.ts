import type { Exchange } from '../protocol/exchange.ts'
import { relay } from './answer.ts'
import type { Backend } from './backends.ts'
import { openBody } from './body.ts'
import type { Cooldown } from './cooldown.ts'
import { type HandOver, type Load, lengthOf } from './hand-over.ts'
import { type Reading, readJudged } from './judged.ts'
import { formUnder, type RulesNow } from './ruled.ts'
import { bodyOf } from './whole.ts'

interface Deps extends Reading {
  backend: Backend
  cooldown: Cooldown
  handOver: HandOver
  rules: RulesNow
  now: () => number
}

/** What is taken of a request. */
export interface Taking {
  /** A JSON object that may name things, which is read; a form, which passes as it comes, looked through; or no body. */
  readonly body: 'json' | 'form' | 'none'
  /** Ours for what is asked, beginning with `/v1`; as the client wrote it unless told. */
  readonly path?: string
}

/** Sends a request on to a backend that reads open bodies, and its answer back, both byte for byte. */
export type ForwardOpen = (request: Request, exchange: Exchange, taking: Taking) => Promise<Response>

/** Forwards to one such backend. What a body names is judged before any connection. */
export function forwardOpen(deps: Deps): ForwardOpen {
  const { backend, cooldown, handOver, now } = deps
  return async (request, exchange, { body: kind, path = exchange.target.path }) => {
    exchange.hold()
    exchange.backend = backend.name
    cooldown.check(backend.base.origin)
    const load = kind === 'none' ? NOTHING : await loadOf(request, exchange, { ...deps, isRead: kind === 'json' })
    const answer = await handOver(request, exchange, { backend, path, ...load })
    cooldown.heed(backend.base.origin, answer)
    return relay(answer, { request, exchange, now, sealed: false, backend: backend.name })
  }
}

type Goods = Pick<Load, 'body' | 'length' | 'type'>

const NOTHING: Goods = { body: null, length: null }
// What was judged as JSON is read as JSON.
const JSON_TYPE = 'application/json'

async function loadOf(request: Request, exchange: Exchange, deps: Deps & { isRead: boolean }): Promise<Goods> {
  const { isRead, stallMs, maxBodyBytes, rules } = deps
  if (isRead) {
    const pieces = await readJudged(request, exchange, deps)
    return pieces.length === 0 ? { ...NOTHING, length: 0 } : { ...bodyOf(pieces), type: JSON_TYPE }
  }
  const counted = (bytes: number) => {
    exchange.bytesUp += bytes
  }
  const form = formUnder(await rules(), request)
  const isEnough = (head: Uint8Array) => !form || head.length >= form.least
  const body = await openBody(request, { stallMs, maxBytes: maxBodyBytes, counted, isEnough })
  return { body: form ? form.watched(body) : body, length: lengthOf(request) }
}
