import { randomFillSync } from 'node:crypto'
import { ASCII, CLASS, ESCAPED, HEX, IN_NUMBER, isWhole, NUMBER, PLAIN, SPACE, STOP } from './json-tables.ts'
import { Problem } from './problem.ts'

const [QUOTE, BACKSLASH, SMALL_U] = [0x22, 0x5c, 0x75]
const LITERALS: Readonly<Record<number, Uint8Array>> = {
  116: Buffer.from('true'),
  102: Buffer.from('false'),
  110: Buffer.from('null'),
}

/**
 * The tokens of a JSON text, read in turns: what returns a boolean says `false` where the turn is over before the token
 * is, and is called again in the next one. Throws `malformed_json` at the first byte that may not stand where it does.
 */
export class Tokens {
  at = 0
  /** The hash of the key read last, by its UTF-16 code units: however it was escaped. */
  hash = 0
  readonly #bytes: Uint8Array
  #turnEnd = 0
  #place = 0
  readonly #seed: number
  readonly #factor: number

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    // Nobody may choose keys whose hashes collide: they would cost the square of their number.
    const [seed = 0, factor = 0] = randomFillSync(new Int32Array(2))
    this.#seed = seed
    this.#factor = factor | 1
  }

  /** Begins a turn of so many bytes. */
  allow(bytes: number): void {
    this.#turnEnd = this.at + bytes
  }

  /** The byte that is next; 0 at the end, which no token begins with. */
  get byte(): number {
    return this.#bytes[this.at] ?? 0
  }

  get isOver(): boolean {
    return this.at >= this.#bytes.length
  }

  space(): boolean {
    return this.#past(SPACE)
  }

  /** What follows the quote of a string, with the quote that ends it. */
  string(): boolean {
    while (this.#past(PLAIN)) {
      if (this.#isClosed()) return true
      this.#escape()
    }
    return false
  }

  beginKey(): void {
    this.hash = this.#seed
  }

  /** What follows the quote of a key, with the quote that ends it. */
  key(): boolean {
    while (this.#pastHashed()) {
      if (this.#isClosed()) return true
      if (this.byte >= 0x80) this.#hashCharacter()
      else this.hash = this.#mixed(this.hash, this.#escape())
    }
    return false
  }

  /** The hash that a key has. */
  hashOf(key: string): number {
    let hash = this.#seed
    for (let at = 0; at < key.length; at++) hash = this.#mixed(hash, key.charCodeAt(at))
    return hash
  }

  beginNumber(): void {
    this.#place = 0
  }

  number(): boolean {
    const end = Math.min(this.#turnEnd, this.#bytes.length)
    for (; this.at < end; this.at++) {
      const next = NUMBER[8 * this.#place + (IN_NUMBER[this.byte] ?? 0)] ?? STOP
      if (next === STOP) break
      this.#place = next
    }
    if (this.at === end && !this.isOver) return false
    if (!isWhole(this.#place)) throw this.refused()
    return true
  }

  literal(): void {
    const literal = LITERALS[this.byte]
    if (!literal) throw this.refused()
    for (let i = 0; i < literal.length; i++, this.at++) if (this.byte !== literal[i]) throw this.refused()
  }

  /** The string or key whose text, behind its quote, begins there. */
  textAt(start: number): string {
    const here = this.at
    const turnEnd = this.#turnEnd
    this.at = start
    this.#turnEnd = Number.POSITIVE_INFINITY
    this.string()
    const text = Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + start - 1, this.at - start + 1).toString()
    this.at = here
    this.#turnEnd = turnEnd
    return JSON.parse(text)
  }

  /** That the text is no JSON here. */
  refused(): Problem {
    return new Problem('malformed_json', `The body is not JSON: it breaks the grammar at byte ${this.at}.`)
  }

  #past(kind: number): boolean {
    const bytes = this.#bytes
    const end = Math.min(this.#turnEnd, bytes.length)
    let { at } = this
    while (at < end && ((CLASS[bytes[at] ?? 0] ?? 0) & kind) !== 0) at++
    this.at = at
    return at < end || at === bytes.length
  }

  #pastHashed(): boolean {
    const bytes = this.#bytes
    const end = Math.min(this.#turnEnd, bytes.length)
    let { at, hash } = this
    for (; at < end && ((CLASS[bytes[at] ?? 0] ?? 0) & ASCII) !== 0; at++) hash = this.#mixed(hash, bytes[at] ?? 0)
    this.at = at
    this.hash = hash
    return at < end || at === bytes.length
  }

  #isClosed(): boolean {
    if (this.byte !== QUOTE) return false
    this.at++
    return true
  }

  /** The code unit that an escape stands for; half of a surrogate pair may stand alone, as JSON.parse has it. */
  #escape(): number {
    if (this.byte !== BACKSLASH) throw this.refused()
    const bytes = this.#bytes
    const what = bytes[this.at + 1] ?? 0
    const digit = (at: number) => HEX[bytes[this.at + at] ?? 0] ?? -1
    const unit =
      what === SMALL_U ? (digit(2) << 12) | (digit(3) << 8) | (digit(4) << 4) | digit(5) : ESCAPED[what] || -1
    if (unit < 0) throw this.refused()
    this.at += what === SMALL_U ? 6 : 2
    return unit
  }

  /** A character of several bytes; that they are UTF-8 is known. */
  #hashCharacter(): void {
    const lead = this.byte
    const size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2
    let point = lead & (0x7f >> size)
    for (let i = 1; i < size; i++) point = (point << 6) | ((this.#bytes[this.at + i] ?? 0) & 0x3f)
    this.at += size
    if (point > 0xffff) {
      this.hash = this.#mixed(this.hash, 0xd7c0 + (point >> 10))
      point = 0xdc00 | (point & 0x3ff)
    }
    this.hash = this.#mixed(this.hash, point)
  }

  #mixed(hash: number, unit: number): number {
    const mixed = Math.imul(hash ^ unit, this.#factor)
    return mixed ^ (mixed >>> 15)
  }
}
