import type { Fields } from '../protocol/answer-head.ts'
import { RESPONSE_NONCE_HEADER } from '../protocol/ehbp.ts'
import type { Exchange } from '../protocol/exchange.ts'
import { FrameCount } from '../protocol/frame-count.ts'
import { Held, jsonOf } from '../protocol/held.ts'
import { METERED } from '../protocol/routes.ts'
import { EventReader } from '../protocol/sse.ts'
import { answerIdOf, METRICS_HEADER, readMetrics, readUsage, type Usage } from '../protocol/usage.ts'
import type { Answer } from './received.ts'

// An answer in one piece states its usage beside at most some hundred kilobytes of text; embeddings may be longer.
const LONGEST_JSON = 1024 * 1024

const FIRST_ID = /^\s*\{\s*"id"\s*:\s*"([^"\\]+)"/

/** Looks on while an answer passes. Neither call throws. */
export interface Meter {
  /** Told of each piece of the body before it is passed on; keeps none of it beyond the call but by copying. */
  seen(bytes: Buffer): void
  /** Told once, when no more will come. */
  ended(): void
}

interface Reader {
  /** Events so far. */
  readonly count?: number
  /** The answer's id, once an event told it, or as a piece of JSON begins with it. */
  readonly id?: string | undefined
  feed(bytes: Buffer): void
  /** What of the body may state usage, as JSON. */
  stated?(): unknown
}

/**
 * Fills an exchange's `usage`, `events` and `chatId` from its answer: from the enclave's own statement in header or trailer, on
 * every route, else from the open body, on those that cost tokens. `undefined` where its header says what it cost.
 */
export function meter(answer: Answer, exchange: Exchange): Meter | undefined {
  exchange.usage = statedIn(answer.headers)
  if (exchange.usage) return undefined
  return new Metered(answer, exchange, METERED.has(exchange.route ?? '') ? readerOf(answer) : undefined)
}

class Metered implements Meter {
  readonly #answer: Answer
  readonly #exchange: Exchange
  readonly #reader: Reader | undefined

  constructor(answer: Answer, exchange: Exchange, reader: Reader | undefined) {
    this.#answer = answer
    this.#exchange = exchange
    this.#reader = reader
  }

  seen(bytes: Buffer): void {
    const reader = this.#reader
    reader?.feed(bytes)
    this.#exchange.events = reader?.count ?? 0
  }

  ended(): void {
    const stated = this.#reader?.stated?.()
    this.#exchange.usage = statedIn(this.#answer.trailers) ?? readUsage(stated)
    this.#exchange.chatId = answerIdOf(stated) ?? this.#reader?.id
  }
}

function statedIn(fields: Fields): Usage | undefined {
  const value = fields[METRICS_HEADER]
  return value === undefined ? undefined : readMetrics(value)
}

/** What reads the body of a success, as far as it can be read: not when it is compressed, and of a sealed one the frames. */
function readerOf({ statusCode, headers }: Answer): Reader | undefined {
  if (statusCode >= 300 || headers['content-encoding'] !== undefined) return undefined
  const sealed = headers[RESPONSE_NONCE_HEADER] !== undefined
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  // Each write of an enclave is a frame of its own: frames are about as many as events.
  if (type === 'text/event-stream' && sealed) return new FrameCount()
  if (type === 'text/event-stream') return new EventReader({ usage: !isAnnounced(headers['trailer']) })
  return type === 'application/json' && !sealed ? jsonReader() : undefined
}

function isAnnounced(trailer: string | undefined): boolean {
  return trailer?.toLowerCase().includes(METRICS_HEADER) ?? false
}

function jsonReader(): Reader {
  const body = new Held(LONGEST_JSON)
  return {
    feed: bytes => body.add(bytes),
    stated: () => (body.cut ? undefined : jsonOf(body.bytes)),
    // Of what is too long, or was left: log probabilities alone may be a megabyte.
    get id() {
      const [, id] = FIRST_ID.exec(body.bytes.toString('latin1', 0, 512)) ?? []
      return answerIdOf({ id })
    },
  }
}
