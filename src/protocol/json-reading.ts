import { Problem } from './problem.ts'

/** Where a value stands: from its first byte to behind its last. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** Where values of named members stand. */
export type Members<Name extends string> = Readonly<Partial<Record<Name, Span>>>

/** Who hears of all that stands in a document as it is read. */
export interface Listener {
  /** A member's key, without its escapes, and where it begins: at its quote. */
  key(name: string, at: number): void
  /** A string, from its first quote to behind its last. */
  text(span: Span): void
  /** A number, `true`, `false` or `null`, and where it stands, as for a string. */
  scalar(isNull: boolean, from: number, to: number): void
  opens(isObject: boolean): void
  closes(): void
}

type Expected = 'value' | 'key' | 'colon' | 'comma' | 'nothing'

// A millisecond or two: others wait no longer.
const TURN_BYTES = 32_768
// serde_json goes no deeper, and the schema of a tool needs a tenth of it.
const MOST_DEPTH = 128
// No request has so many in one object, and no set of so many stops the loop when it grows.
const MOST_KEYS = 10_000
/** The longest key or number, in bytes. */
const MOST_BYTES = 4096
// What a turn leaves to the next: no key is cut, no number, no escape, unless it is too long.
const AHEAD = MOST_BYTES + 16

const [BLANK, QUOTE, COMMA, COLON] = [0x20, 0x22, 0x2c, 0x3a]
const SMALL_N = 0x6e
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d]

const SPACE = /[ \t\n\r]+/y
const WITHIN_STRING = /(?:[ !#-[\]-ÿ]+|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))+/y
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y
/** A character that is escaped, or part of one that is not ASCII. */
const ENCODED = /[^ -[\]-~]/

/** One object being read, in turns. The bytes are UTF-8: whoever begins has looked. */
export class Reading<Name extends string> {
  /** Where the text behind the outermost opening brace begins. */
  inside = 0
  isEmpty = true
  readonly members: Partial<Record<Name, Span>> = {}
  readonly #bytes: Buffer
  readonly #names: readonly Name[]
  /** What this turn may read, a character for each byte; where that begins; how much of it is read. */
  #text = ''
  #begin = 0
  #at = 0
  /** The open containers, from the outside in: an object's keys, nothing for an array. */
  readonly #open: (Set<string> | undefined)[] = []
  #expected: Expected = 'value'
  /** Whether the innermost container may end here instead. */
  #mayClose = false
  /** Whether what is next belongs to a string, not a key: the only token that may take several turns. */
  #inString = false
  /** The wanted member whose value is being read. */
  #member: Name | undefined
  #memberStart = 0
  #stringStart = 0
  readonly #listener: Listener | undefined

  constructor(bytes: Uint8Array, names: readonly Name[], listener?: Listener) {
    this.#listener = listener
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#names = names
  }

  /**
   * Reads on for a turn; whether the document is over.
   * @throws Problem `malformed_json`
   */
  goOn(): boolean {
    this.#begin = this.#position
    this.#at = 0
    this.#text = this.#bytes.toString('latin1', this.#begin, this.#begin + TURN_BYTES)
    const isLast = this.#begin + this.#text.length === this.#bytes.length
    const end = this.#text.length - (isLast ? 0 : AHEAD)
    while (this.#at < end) {
      const byte = this.#text.charCodeAt(this.#at)
      if (!this.#inString) this.#token(byte)
      else if (byte === QUOTE) this.#stringEnds()
      else this.#skip(WITHIN_STRING)
    }
    if (isLast && this.#expected !== 'nothing') throw this.#refused()
    return isLast
  }

  #token(byte: number): void {
    if (byte === QUOTE) {
      if (this.#expected === 'key') this.#key()
      else this.#stringBegins()
    } else if (byte === COMMA) this.#take('comma', this.#open.at(-1) ? 'key' : 'value')
    else if (byte === COLON) this.#take('colon', 'value')
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#opens(byte === OPEN_BRACE)
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) this.#closes(byte === CLOSE_BRACE)
    else if (byte <= BLANK) this.#skip(SPACE)
    else this.#scalar()
  }

  #skip(pattern: RegExp): void {
    pattern.lastIndex = this.#at
    if (!pattern.test(this.#text)) throw this.#refused()
    this.#at = pattern.lastIndex
  }

  #take(expected: Expected, next: Expected): void {
    if (this.#expected !== expected) throw this.#refused()
    this.#at++
    this.#expected = next
    this.#mayClose = false
  }

  #key(): void {
    const start = this.#begin + this.#at
    const key = this.#keyText()
    const keys = this.#open.at(-1)
    if (keys?.has(key)) throw malformed(`has a key twice in one object: again at byte ${start}`)
    if (keys?.size === MOST_KEYS) throw malformed(`has more than ${MOST_KEYS} keys in one object`)
    keys?.add(key)
    if (this.#open.length === 1) {
      this.isEmpty = false
      this.#member = this.#names.find(name => name === key)
      if (this.#member === undefined && this.#names.some(name => isSpelling(key, name))) throw misspelt()
    }
    this.#take('key', 'colon')
    this.#listener?.key(key, start)
  }

  /** The key that begins here, up to the quote that ends it. */
  #keyText(): string {
    const start = ++this.#at
    if (this.#text.charCodeAt(start) !== QUOTE) this.#skip(WITHIN_STRING)
    if (this.#at - start > MOST_BYTES) throw malformed(`has a key of more than ${MOST_BYTES} bytes`)
    if (this.#text.charCodeAt(this.#at) !== QUOTE) throw this.#refused()
    const text = this.#text.slice(start, this.#at)
    if (!ENCODED.test(text)) return text
    return JSON.parse(this.#bytes.toString('utf8', this.#begin + start - 1, this.#position + 1))
  }

  #stringBegins(): void {
    this.#valueBegins()
    this.#stringStart = this.#position
    this.#at++
    this.#inString = true
  }

  #stringEnds(): void {
    this.#at++
    this.#inString = false
    this.#listener?.text({ from: this.#stringStart, to: this.#position })
    this.#valueEnds()
  }

  #opens(isObject: boolean): void {
    this.#valueBegins(isObject)
    if (this.#open.length === MOST_DEPTH) throw malformed(`is nested deeper than ${MOST_DEPTH} containers`)
    this.#at++
    if (this.#open.length === 0) this.inside = this.#position
    this.#open.push(isObject ? new Set() : undefined)
    this.#expected = isObject ? 'key' : 'value'
    this.#mayClose = true
    this.#listener?.opens(isObject)
  }

  #closes(isObject: boolean): void {
    if (!this.#mayClose || isObject !== Boolean(this.#open.at(-1))) throw this.#refused()
    this.#at++
    this.#open.pop()
    this.#listener?.closes()
    this.#valueEnds()
  }

  #scalar(): void {
    this.#valueBegins()
    const start = this.#at
    this.#skip(SCALAR)
    if (this.#at - start > MOST_BYTES) throw malformed(`has a number of more than ${MOST_BYTES} bytes`)
    this.#listener?.scalar(this.#text.charCodeAt(start) === SMALL_N, this.#begin + start, this.#position)
    this.#valueEnds()
  }

  #valueBegins(isObject = false): void {
    if (this.#expected !== 'value') throw this.#refused()
    if (this.#open.length === 0 && !isObject) throw malformed('is not a JSON object')
    if (this.#open.length === 1) this.#memberStart = this.#position
  }

  #valueEnds(): void {
    const depth = this.#open.length
    this.#expected = depth === 0 ? 'nothing' : 'comma'
    this.#mayClose = depth > 0
    if (depth !== 1 || this.#member === undefined) return
    this.members[this.#member] = { from: this.#memberStart, to: this.#position }
    this.#member = undefined
  }

  get #position(): number {
    return this.#begin + this.#at
  }

  #refused(): Problem {
    return malformed(`is not JSON: it breaks the grammar at byte ${this.#position}`)
  }
}

/** Whether decoders that ignore case, as Go's do, would take a key for a name: to them `ſ` is an s, the Kelvin sign a k. */
function isSpelling(key: string, name: string): boolean {
  return key.length === name.length && key.toUpperCase().toLowerCase() === name
}

function misspelt(): Problem {
  return new Problem('invalid_body', 'Invalid body: its outermost members are named in small letters, as "model".')
}

const malformed = (what: string) => new Problem('malformed_json', `The body ${what}.`)
