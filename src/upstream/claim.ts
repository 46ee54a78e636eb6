import type { Exchange } from '../protocol/exchange.ts'
import { isPlainId } from '../protocol/ids.ts'
import { EventNaming, JsonNaming, type Naming } from '../protocol/naming.ts'
import { Problem } from '../protocol/problem.ts'
import type { Kind } from '../protocol/reference-names.ts'
import { refusalOf } from './answer.ts'
import { goneFrom } from './body.ts'
import { type Giving, isRefusal } from './giving.ts'
import type { Answer } from './received.ts'
import type { Source } from './stream.ts'

/** An answer, and its body as it may be passed on. */
export interface Claimed {
  readonly answer: Answer
  readonly source: Source
}

/** Sends what makes something whose id its answer tells, under an `Idempotency-Key`; the answer's body waits for its owner. */
export type Claim = (
  request: Request,
  exchange: Exchange,
  kind: Kind,
  send: (idempotencyKey: string) => Promise<Answer>,
) => Promise<Claimed>

interface Deps {
  giving: Giving
  /** Milliseconds that an answer may take to begin. */
  headerMs: number
}

/** As much as is held of an answer that does not say its id. */
const MOST_HELD = 33_554_432

/**
 * Gives callers what their requests make, as `maker` does, while the answer passes: what names it is held until its owner is
 * written, and all the rest flows, byte for byte. Where it cannot be written the client is refused, or a stream of which
 * something has passed breaks off before the id. An answer that says no id flows, and nothing is owned.
 *
 * What was made and not given is asked for again by `reconcile` with an empty object, which makes no response: where the
 * backend does not heed the `Idempotency-Key`, what was lost stays there, and nobody can know its id.
 * @throws Problem `database_unavailable`, `upstream_…`, or as what sends
 */
export function claimer({ giving, headerMs }: Deps): Claim {
  return async (request, exchange, kind, send) => {
    const begun = await giving.begin(request, exchange, { kind, source: null }, headerMs)
    const answer = await send(begun.making.idempotencyKey).catch(async error => {
      if (!exchange.reached) await giving.drop(begun)
      throw error
    })
    const { statusCode, headers } = answer
    // Not waited for: until the answer's body is watched nobody notices a client that leaves.
    if (isRefusal(statusCode)) void giving.drop(begun)
    const isSuccess = statusCode >= 200 && statusCode < 300
    // What is no answer is refused as what it is, and nobody's.
    if (!isSuccess || refusalOf(answer, { status: statusCode, hasBody: true, sealed: false }))
      return { answer, source: answer }
    const isStream = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() === 'text/event-stream'
    const own = (id: string) => {
      if (!isPlainId(id)) throw malformed('by what cannot be an id')
      return giving.give(begun, id)
    }
    if (headers['content-encoding'] !== undefined) {
      answer.destroy()
      throw malformed('in a coding that nobody asked for')
    }
    const naming = isStream ? new EventNaming() : new JsonNaming()
    const body = held(answer, naming, { own, unnamed: () => void giving.drop(begun) })
    return { answer, source: sourceOf(answer, await opened(answer, body, request.signal)) }
  }
}

interface Ends {
  own: (id: string) => Promise<void>
  /** It ended, and said no id. */
  unnamed: () => void
}

/** An answer's body, of which nothing passes that names it until it has its owner. */
async function* held(answer: Answer, naming: Naming, { own, unnamed }: Ends): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = []
  let size = 0
  const all = (last: Buffer) => {
    const whole = waiting.length === 0 ? last : Buffer.concat([...waiting, last])
    waiting = []
    size = 0
    return whole
  }
  for await (const piece of answer) {
    if (naming.id !== undefined) {
      yield piece
      continue
    }
    const free = naming.feed(piece)
    if (naming.id !== undefined) {
      await own(naming.id)
      yield all(piece)
      continue
    }
    if (free > 0) yield all(piece.subarray(0, free))
    // A copy: a piece may be a small part of what it was read into.
    if (free < piece.length) waiting.push(Buffer.from(piece.subarray(free)))
    size += piece.length - free
    if (size > MOST_HELD) throw malformed('too late')
  }
  if (naming.id !== undefined || !answer.complete) return
  unnamed()
  if (size > 0) yield all(Buffer.alloc(0))
}

/**
 * A body whose first piece is there, so that what is wrong until then can still be said by a status: Bun sends headers
 * with a body's first bytes, not before.
 */
async function opened(
  answer: Answer,
  body: AsyncGenerator<Buffer>,
  signal: AbortSignal,
): Promise<AsyncGenerator<Buffer>> {
  const leave = () => answer.destroy()
  signal.addEventListener('abort', leave)
  if (signal.aborted) leave()
  const first = await body.next().catch(error => {
    if (error instanceof Problem) throw error
    return undefined
  })
  signal.removeEventListener('abort', leave)
  if (signal.aborted) throw goneFrom(signal)
  if (!first || (first.done && !answer.complete))
    throw new Problem('upstream_unreachable', 'The upstream broke off its answer before it said an id.')
  return rejoined(first, body)
}

async function* rejoined(first: IteratorResult<Buffer>, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (first.done) return
  yield first.value
  yield* rest
}

function sourceOf(answer: Answer, body: AsyncGenerator<Buffer>): Source {
  return {
    get complete() {
      return answer.complete
    },
    destroy: () => answer.destroy(),
    [Symbol.asyncIterator]: () => body,
  }
}

function malformed(how: string): Problem {
  return new Problem('upstream_malformed', `The backend named what it made ${how}.`)
}
