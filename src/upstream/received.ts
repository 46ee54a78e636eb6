import { BodyReader } from '../protocol/answer-body.ts'
import type { Fields, Head } from '../protocol/answer-head.ts'
import type { Problem } from '../protocol/problem.ts'
import type { Source, Taker } from './stream.ts'

/** An upstream's answer, its body still to come. */
export interface Answer extends Source {
  readonly statusCode: number
  readonly headers: Fields
  /** What followed the body, once that is whole. */
  readonly trailers: Fields
  /** Whether it broke, or was given up. */
  readonly destroyed: boolean
  /** Gives it up; who reads it is told of the problem. */
  destroy(problem?: Problem): void
}

/** What an answer comes over. */
export interface Inlet {
  /** Whether bytes are to come. */
  flow(isWanted: boolean): void
  /** Hangs up: the rest is not wanted. */
  abandon(): void
}

// An enclave may say as much as it likes to a caller who reads nothing.
const MOST_QUEUED_BYTES = 65_536
// What a piece takes beside what it was read into; of one byte each they would be 60 MB.
const PIECE_BYTES = 1024
const NOTHING = Buffer.alloc(0)
const OVER: IteratorResult<Buffer> = { done: true, value: undefined }

/** An answer as its connection fills it: one object, its own iterator; or it pours itself out. */
export class Received implements Answer, AsyncIterator<Buffer> {
  readonly statusCode: number
  readonly headers: Fields
  readonly body: BodyReader
  complete = false
  #inlet: Inlet | undefined
  #queue: Buffer[] = []
  #queued = 0
  #isHeld = false
  #fault: Error | undefined
  #wake: PromiseWithResolvers<IteratorResult<Buffer>> | undefined
  #to: Taker | undefined
  /** Whether who takes it has no room. */
  #isFull = false

  constructor({ status, headers, framing }: Head, hasBody: boolean, inlet: Inlet) {
    this.statusCode = status
    this.headers = headers
    this.body = new BodyReader(hasBody ? framing : 0)
    this.#inlet = inlet
  }

  get trailers(): Fields {
    return this.body.trailers
  }

  get destroyed(): boolean {
    return this.#fault !== undefined
  }

  /** Takes the next bytes. */
  push(piece: Buffer): void {
    if (this.#to && !this.#isFull) this.#give(this.#to, piece)
    else if (this.#wake) this.#tell({ done: false, value: piece })
    else this.#keep(piece)
  }

  #keep(piece: Buffer): void {
    this.#queue.push(piece)
    this.#queued += weightOf(piece)
    if (this.#queued <= MOST_QUEUED_BYTES || this.#isHeld) return
    this.#isHeld = true
    this.#inlet?.flow(false)
  }

  /** It is whole. */
  end(): void {
    // Given up with its last piece.
    if (this.#fault) return
    this.complete = true
    this.#inlet = undefined
    if (this.#wake) this.#tell(OVER)
    this.#pour()
  }

  /** It broke; what came before is still read. */
  break(fault: Error): void {
    this.#fault ??= fault
    this.#inlet = undefined
    const wake = this.#wake
    this.#wake = undefined
    wake?.reject(this.#fault)
    this.#pour()
  }

  whole(): Buffer | undefined {
    if (!this.complete || this.#fault || this.#queue.length > 1) return undefined
    this.#queued = 0
    return this.#queue.pop() ?? NOTHING
  }

  destroy(problem?: Problem): void {
    if (this.#fault || (this.complete && this.#queue.length === 0)) return
    this.#queue = []
    const inlet = this.#inlet
    this.break(problem ?? new Error('the answer was given up'))
    inlet?.abandon()
  }

  pour(to: Taker): void {
    this.#to = to
    this.#pour()
  }

  next(): Promise<IteratorResult<Buffer>> {
    const piece = this.#shift()
    if (piece) return Promise.resolve({ done: false, value: piece })
    if (this.#fault) return Promise.reject(this.#fault)
    if (this.complete) return Promise.resolve(OVER)
    this.#wake = Promise.withResolvers()
    return this.#wake.promise
  }

  return(): Promise<IteratorResult<Buffer>> {
    this.destroy()
    return Promise.resolve(OVER)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #shift(): Buffer | undefined {
    const piece = this.#queue.shift()
    if (!piece) return undefined
    this.#queued -= weightOf(piece)
    if (this.#isHeld && this.#queue.length === 0) {
      this.#isHeld = false
      this.#inlet?.flow(true)
    }
    return piece
  }

  /** Gives what is here, as far as there is room, and then the end. */
  #pour(): void {
    const to = this.#to
    if (!to || this.#isFull) return
    for (let piece = this.#shift(); piece; piece = this.#shift()) {
      this.#give(to, piece)
      if (this.#isFull) return
    }
    if (!(this.#fault || this.complete)) return
    this.#to = undefined
    to.over(this.#fault)
  }

  #give(to: Taker, piece: Buffer): void {
    const room = to.take(piece)
    if (!room) return
    this.#isFull = true
    const go = () => {
      this.#isFull = false
      this.#pour()
    }
    room.then(go, go)
  }

  #tell(result: IteratorResult<Buffer>): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.resolve(result)
  }
}

/** What a piece keeps of memory: all that it was read into, of which chunks' extensions may be the most. */
const weightOf = ({ buffer }: Buffer) => buffer.byteLength + PIECE_BYTES
