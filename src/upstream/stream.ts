import type { BodyEnd, Ending } from '../protocol/exchange.ts'
import { Problem } from '../protocol/problem.ts'

/** Where a body comes from. */
export interface Source extends AsyncIterable<Buffer> {
  /** Whether its end was one, and not a break. */
  readonly complete: boolean
  /** All of it in one piece, if it is here and nobody has read it; it is then read. */
  whole?(): Buffer | undefined
  /** Gives it up. */
  destroy(): unknown
  /** Gives all of it to who takes it, as it comes; what cannot is iterated. */
  pour?(to: Taker): void
}

/** Who takes a body as it comes. */
export interface Taker {
  /** Takes a piece, and keeps none of it; gives what to wait for before the next one, where that has no room. */
  take(piece: Buffer): Promise<unknown> | undefined
  /** No more comes; it broke, where there is a fault. */
  over(fault?: Error): void
}

/** Looks on while a body passes. Neither call may throw. */
export interface Watch {
  readonly now: () => number
  /** Aborted when the client leaves, or with the Problem for which the answer is cut. */
  readonly signal: AbortSignal
  /** Called with each piece before it is passed on, of which it must keep nothing. */
  seen?(bytes: Buffer): void
  /** Called once, before the client sees the end. */
  ended(end: BodyEnd): void
}

/**
 * The body of an upstream's answer, byte for byte, watched. It ends only if the upstream ended it: whatever else
 * happens to the upstream breaks the stream, so that a cut answer never looks finished. A client that leaves ends the
 * upstream's work.
 */
export function tapped(source: Source, watch: Watch): ReadableStream<Uint8Array> {
  return new ReadableStream(new Tapped(source, watch))
}

// One object, and bytes go from socket to socket within a turn. A generator over an iterator kept 26 objects more while a
// stream is open, and took a third more instructions for each event.
class Tapped implements Taker {
  readonly type = 'direct'
  readonly #source: Source
  readonly #watch: Watch
  #client: ReadableStreamDirectController | undefined
  #bytes = 0
  #firstByteAt: number | undefined
  #isOver = false

  constructor(source: Source, watch: Watch) {
    this.#source = source
    this.#watch = watch
    // One that is never read is never cancelled either.
    watch.signal.addEventListener('abort', this)
    // Cut between its headers and here.
    if (watch.signal.aborted) source.destroy()
  }

  /** The client reads. Whoever is no server asks again before each piece. */
  pull(client: ReadableStreamDirectController): void {
    if (this.#client) return
    this.#client = client
    if (this.#isOver) client.close(new Error('the answer was given up'))
    else if (this.#source.pour) this.#source.pour(this)
    else void poured(this.#source, this)
  }

  take(piece: Buffer): Promise<unknown> | undefined {
    if (!this.#client || this.#isOver) return undefined
    const watch = this.#watch
    this.#firstByteAt ??= watch.now()
    this.#bytes += piece.byteLength
    watch.seen?.(piece)
    // What is written in a turn leaves together at its end.
    const taken = this.#client.write(piece)
    return typeof taken === 'number' ? undefined : taken
  }

  over(fault?: Error): void {
    if (!fault && this.#source.complete) this.#end('complete')
    else this.#end(this.#watch.signal.aborted || isClients(fault) ? 'cancelled' : 'failed', fault)
  }

  /** The client left. */
  cancel(): void {
    this.handleEvent()
  }

  /** The client left, or is cut; they may never read on, and nobody drops it for them. */
  handleEvent(): void {
    this.#source.destroy()
    this.#end('cancelled')
  }

  #end(ending: Ending, fault = new Error('the upstream broke off')): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#watch.ended({ ending, bytes: this.#bytes, firstByteAt: this.#firstByteAt })
    if (ending !== 'complete') this.#client?.close(fault)
    else Promise.resolve(this.#client?.end()).catch(ignored)
  }
}

async function poured(source: Source, to: Taker): Promise<void> {
  try {
    for await (const piece of source) await to.take(piece)
    to.over()
  } catch (cause) {
    to.over(cause instanceof Error ? cause : new Error('the body broke off', { cause }))
  }
}

/** Whether it was the client's own request that cut the answer: its body was too long, say. */
function isClients(error: unknown): boolean {
  return error instanceof Problem && error.status < 500
}

// Who left while the last bytes waited is told of above.
const ignored = () => undefined
