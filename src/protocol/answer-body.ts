import { END, type Fields, fieldsIn, type Head, MOST_HEAD_BYTES } from './answer-head.ts'

const MOST_EXTENSION_BYTES = 4096
const MOST_SIZE_DIGITS = 12
const [CR, LF, SEMICOLON, TAB] = [0x0d, 0x0a, 0x3b, 0x09]
const NONE: Fields = Object.freeze(Object.create(null))
const NOTHING = Buffer.alloc(0)

/** What comes next of a body: in chunks their sizes, extensions and line ends. */
type Next = 'content' | 'size' | 'extension' | 'size-end' | 'chunk-cr' | 'chunk-lf' | 'trailer' | 'over'

/** Reads a body out of what comes after its head, by the letter of RFC 9112 section 7.1. */
export class BodyReader {
  /** The fields after the last chunk. */
  trailers: Fields = NONE
  /** How many bytes of what was read last came after the end. */
  rest = 0
  readonly #isChunked: boolean
  #next: Next
  /** Bytes of content that are due before something else comes. */
  #left = Number.POSITIVE_INFINITY
  #counted = 0
  #held: Buffer = NOTHING

  constructor(framing: Head['framing']) {
    this.#isChunked = framing === 'chunked'
    this.#next = framing === 0 ? 'over' : this.#isChunked ? 'size' : 'content'
    if (this.#isChunked) this.#left = 0
    else if (framing !== 'close') this.#left = framing as number
  }

  /** Whether its end has come; that of a body without framing is its connection's. */
  get isOver(): boolean {
    return this.#next === 'over'
  }

  /** Whether the connection's end is its own. */
  get isUntilClose(): boolean {
    return this.#left === Number.POSITIVE_INFINITY
  }

  /**
   * The content of what came, from so many bytes on, in one piece; `undefined` where it is malformed. It is moved
   * together where it is: what lay between is written over.
   */
  read(bytes: Buffer, from: number): Buffer | undefined {
    let [at, start, end] = [from, from, from]
    while (at >= 0 && at < bytes.length && this.#next !== 'over') {
      if (this.#next !== 'content') {
        at = this.#around(bytes, at)
        continue
      }
      const size = this.#content(bytes.length - at)
      if (end === start) start = end = at
      else bytes.copyWithin(end, at, at + size)
      end += size
      at += size
    }
    if (at < 0) return undefined
    this.rest = bytes.length - at
    return end - start === bytes.length ? bytes : bytes.subarray(start, end)
  }

  /** Of so many bytes those that are content. */
  #content(bytes: number): number {
    const size = Math.min(this.#left, bytes)
    this.#left -= size
    if (this.#left === 0) this.#next = this.#isChunked ? 'chunk-cr' : 'over'
    return size
  }

  /** Reads what is around chunks; gives where the next byte is, or -1. */
  #around(bytes: Buffer, at: number): number {
    if (this.#next === 'trailer') return this.#trailer(bytes, at)
    return this.#between(bytes[at] as number) ? at + 1 : -1
  }

  /** Takes one byte of what is around chunks; gives whether it may be there. */
  #between(byte: number): boolean {
    switch (this.#next) {
      case 'size':
        return this.#size(byte)
      case 'extension':
        if (byte === CR && this.#counted > 1) this.#next = 'size-end'
        return this.#next === 'size-end' || (isText(byte) && ++this.#counted <= MOST_EXTENSION_BYTES)
      case 'size-end':
        this.#counted = 0
        this.#next = this.#left === 0 ? 'trailer' : 'content'
        return byte === LF
      case 'chunk-cr':
        this.#next = 'chunk-lf'
        return byte === CR
      default:
        this.#next = 'size'
        return byte === LF
    }
  }

  #size(byte: number): boolean {
    const digit = digitOf(byte)
    if (digit >= 0) {
      this.#left = this.#left * 16 + digit
      return ++this.#counted <= MOST_SIZE_DIGITS
    }
    if (this.#counted === 0) return false
    this.#counted = 1
    this.#next = byte === CR ? 'size-end' : 'extension'
    return byte === CR || byte === SEMICOLON
  }

  #trailer(bytes: Buffer, at: number): number {
    const before = this.#held.length
    const held = before === 0 ? bytes.subarray(at) : Buffer.concat([this.#held, bytes.subarray(at)])
    if (held[0] === CR && held.length > 1) return this.#end(held.toString('latin1', 0, 2), '', at + 2 - before)
    const end = held.indexOf(END, Math.max(0, before - END.length + 1))
    if (end > MOST_HEAD_BYTES) return -1
    if (end >= 0) return this.#end('\r\n', held.toString('latin1', 0, end + 2), at + end + END.length - before)
    if (held.length >= MOST_HEAD_BYTES + END.length) return -1
    this.#held = before === 0 ? Buffer.from(held) : held
    return bytes.length
  }

  #end(line: string, text: string, after: number): number {
    const trailers = fieldsIn(text, 0)
    const isWhole = line === '\r\n' && trailers && !('content-length' in trailers || 'transfer-encoding' in trailers)
    if (!isWhole) return -1
    this.trailers = trailers
    this.#held = NOTHING
    this.#next = 'over'
    return after
  }
}

const isText = (byte: number) => byte === TAB || (byte >= 0x20 && byte <= 0x7e)

function digitOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
