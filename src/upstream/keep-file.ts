import type { Exchange } from '../protocol/exchange.ts'
import { faultOf, type Log } from '../protocol/log.ts'
import { invalidBody } from '../protocol/members.ts'
import type { Backend } from './backends.ts'
import { type Body, openBody } from './body.ts'
import type { Cooldown } from './cooldown.ts'
import type { Begun, Beside, Giving } from './giving.ts'
import { type HandOver, lengthOf } from './hand-over.ts'
import type { Makings } from './makings.ts'
import type { OnBehalf } from './on-behalf.ts'
import { passedOn } from './passed-on.ts'
import { pathOfMaking } from './places.ts'
import { isForm } from './ways.ts'
import { wholeAnswer } from './whole-answer.ts'

interface Deps {
  backend: Backend
  onBehalf: OnBehalf
  cooldown: Cooldown
  handOver: HandOver
  giving: Giving
  makings: Pick<Makings, 'renew'>
  /** The longest form. */
  maxFileBytes: number
  /** Milliseconds without a byte of its body after which a client is given up. */
  stallMs: number
  /** Milliseconds after which a making under way is renewed, over and over. */
  renewMs: number
  log: Log
}

/** Has a backend keep a file that a client sends, and gives it to the caller; the answer is the backend's. */
export type KeepFile = (request: Request, exchange: Exchange, beside: Beside) => Promise<Response>

/**
 * Hands a form on while it comes, and holds the answer until its file has its owner. As with all that is made, what is about
 * to be asked is written down first, and renewed while it goes on; but a body that was not kept cannot be sent again. Where
 * nobody saw the end, `reconcile` asks with an empty form under the same `Idempotency-Key`: a backend that heeds the key
 * tells of the file, which goes; any other finds no file in that form, and what may be lost there is logged. A list of
 * its files would not tell which it is, for others may use the same workspace, and what is theirs must never go.
 *
 * A client that leaves amid its body breaks it off, and that is asked about too: the form may have ended before the body
 * did. Later the file is kept all the same.
 * @throws Problem `invalid_body` for anything but a form, `body_too_large`, `database_unavailable`, `upstream_…`
 */
export function keepFile(deps: Deps): KeepFile {
  const { backend, onBehalf, cooldown, handOver, giving, maxFileBytes, stallMs } = deps

  /** @throws Problem; where nobody was reached nothing was made. */
  async function send(request: Request, exchange: Exchange, begun: Begun, body: Watched): Promise<Response> {
    try {
      const answer = await handOver(request, exchange, {
        ...{ backend, path: pathOfMaking(begun.making), length: lengthOf(request, body.body) },
        ...{ body: body.body, signal: body.signal, idempotencyKey: begun.making.idempotencyKey },
      })
      cooldown.heed(backend.base.origin, answer)
      const told = await wholeAnswer(answer)
      // Who answers amid a body need not be sent the rest of it.
      if (!body.isWhole()) answer.destroy()
      return told
    } catch (error) {
      if (!exchange.reached) await giving.drop(begun)
      throw error
    }
  }

  return async (request, exchange, beside) => {
    if (!isForm(request.headers.get('content-type') ?? ''))
      throw invalidBody('a file is sent in a form: the Content-Type must be multipart/form-data, with its boundary.')
    onBehalf.begin(exchange)
    const took = (piece: Uint8Array | undefined) => exchange.took(piece)
    const opened = await openBody(request, { stallMs, maxBytes: maxFileBytes, took, isEnough: () => true })
    try {
      const begun = await giving.begin(request, exchange, { kind: 'file', source: null })
      const letGo = renewing(begun, deps)
      const answer = await send(request, exchange, begun, watched(opened, request)).finally(letGo)
      await giving.settle(begun, answer, beside)
      return await passedOn(answer, exchange, backend.name)
    } catch (error) {
      opened?.rest?.cancel().catch(ignored)
      throw error
    }
  }
}

/** What is left of a form that goes nowhere is of no interest. */
const ignored = () => undefined

/** Keeps a making its beginner's until the function that comes back is called. */
function renewing({ making }: Begun, { makings, renewMs, log }: Pick<Deps, 'makings' | 'renewMs' | 'log'>): () => void {
  let isOver = false
  let timer = setTimeout(renew, renewMs)

  // Not before the last one is through: two on their way may pass each other.
  async function renew(): Promise<void> {
    await makings.renew(making).catch(error => log('warn', 'reconcile_failed', { fault: faultOf(error) }))
    if (!isOver) timer = setTimeout(renew, renewMs)
  }

  return () => {
    isOver = true
    clearTimeout(timer)
  }
}

interface Watched {
  readonly body: Body | null
  /** Aborted when the client leaves before its body is whole. */
  readonly signal: AbortSignal
  /** Whether all of it was read. */
  readonly isWhole: () => boolean
}

function watched(body: Body | null, { signal, headers }: Request): Watched {
  const leaving = new AbortController()
  if (!body?.rest) return { body, signal: leaving.signal, isWhole: () => true }
  const { head, rest } = body
  const leave = () => leaving.abort(signal.reason)
  signal.addEventListener('abort', leave)
  if (signal.aborted) leave()
  let bytes = head.length
  let isWhole = false
  const read = async () => {
    const part = await rest.read()
    bytes += part.value?.length ?? 0
    // By its length it is whole before its end is told.
    isWhole = part.done || String(bytes) === headers.get('content-length')
    if (isWhole) signal.removeEventListener('abort', leave)
    return part
  }
  return { body: { head, rest: { read, cancel: () => rest.cancel() } }, signal: leaving.signal, isWhole: () => isWhole }
}
