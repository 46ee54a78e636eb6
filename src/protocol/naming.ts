import { JsonSearch } from './json-search.ts'

const [LF, CR] = [0x0a, 0x0d]
const DATA = Buffer.from('data:')
/** A byte order mark, which a reader of events drops where it is first of all. */
const MARK = Buffer.from('\ufeff')

/** Looks for the id of what an answer tells of, while the answer comes. */
export interface Naming {
  /** The id, once it came. */
  readonly id: string | undefined
  /** How many of these bytes, and what was fed before them, have ended without naming anything. */
  feed(bytes: Uint8Array): number
}

/** Looks in JSON, which names what it tells of by the root's `id`. */
export class JsonNaming implements Naming {
  readonly #search = new JsonSearch(['id'])

  get id(): string | undefined {
    return this.#search.found
  }

  feed(bytes: Uint8Array): number {
    this.#search.feed(bytes)
    return 0
  }
}

/** Looks in server-sent events, in whose JSON a response is named by the `id` of `response`. Each ends by an empty line. */
export class EventNaming implements Naming {
  #search = new JsonSearch(['response', 'id'])
  /** Of the line that has no end yet: its length, and whether it begins as data does. */
  #length = 0
  #isData = true
  #before = 0
  /** Whether an event ended with the last line. */
  #isEnded = false
  /** How much of a mark there may still be. */
  #unmarked: Uint8Array = MARK

  get id(): string | undefined {
    return this.#search.found
  }

  feed(bytes: Uint8Array): number {
    let [ended, start] = [0, this.#mark(bytes)]
    for (let at = start; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0
      const isCrLf = byte === LF && this.#before === CR
      this.#before = byte
      if (byte !== LF && byte !== CR) continue
      this.#read(bytes.subarray(start, at))
      if (this.id !== undefined) return ended
      start = at + 1
      // What ends in CR LF ended at the CR.
      if (!isCrLf) this.#endsLine()
      if (this.#isEnded) ended = start
    }
    this.#read(bytes.subarray(start))
    return ended
  }

  /** How many of these bytes are of the mark. */
  #mark(bytes: Uint8Array): number {
    let at = 0
    while (at < bytes.length && at < this.#unmarked.length && bytes[at] === this.#unmarked[at]) at++
    this.#unmarked = at < bytes.length ? MARK.subarray(MARK.length) : this.#unmarked.subarray(at)
    return at
  }

  /** Some of a line. An event's JSON may be in several. */
  #read(bytes: Uint8Array): void {
    const name = bytes.subarray(0, Math.max(0, DATA.length - this.#length))
    for (const [index, byte] of name.entries()) this.#isData &&= byte === DATA[this.#length + index]
    this.#length += bytes.length
    if (this.#isData) this.#search.feed(bytes.subarray(name.length))
  }

  /** Ends a line, and an event if it is empty. */
  #endsLine(): void {
    this.#isEnded = this.#length === 0
    this.#length = 0
    this.#isData = true
    if (this.#isEnded) this.#search = new JsonSearch(['response', 'id'])
  }
}
