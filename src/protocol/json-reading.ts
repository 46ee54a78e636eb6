import { KeySet } from './json-keys.ts'
import { Tokens } from './json-tokens.ts'
import { Problem } from './problem.ts'

/** Where a value stands: from its first byte to behind its last. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** Where values of named members stand. */
export type Members<Name extends string> = Readonly<Partial<Record<Name, Span>>>

// serde_json goes no deeper, and the schema of a tool needs a tenth of it.
const MOST_DEPTH = 128

const [QUOTE, COMMA, COLON, MINUS] = [0x22, 0x2c, 0x3a, 0x2d]
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d]

/** One object being read, in turns. The bytes are UTF-8: whoever begins has looked. */
export class Reading<Name extends string> {
  /** Where the text behind the outermost opening brace begins. */
  inside = 0
  isEmpty = true
  readonly members: Partial<Record<Name, Span>> = {}
  readonly #tokens: Tokens
  readonly #wanted: ReadonlyMap<number, Name>
  /** The open containers, from the outside in: an object's keys, nothing for an array. */
  readonly #open: (KeySet | undefined)[] = []
  /** Sets to use again, one for each depth: nothing is made for an object unless it is the first so deep. */
  readonly #sets: KeySet[] = []
  /** What goes on where the next turn begins. */
  #token: 'string' | 'key' | 'number' | undefined
  #expected: 'object' | 'value' | 'item or end' | 'key' | 'key or end' | 'colon' | 'comma or end' | 'nothing' = 'object'
  #keyStart = 0
  /** The wanted member whose value is being read. */
  #member: Name | undefined
  #valueStart = -1

  constructor(bytes: Uint8Array, names: readonly Name[]) {
    this.#tokens = new Tokens(bytes)
    this.#wanted = new Map(names.map(name => [this.#tokens.hashOf(name), name]))
  }

  /**
   * Reads on for so many bytes; whether the document is over.
   * @throws Problem `malformed_json`
   */
  goOn(bytes: number): boolean {
    const tokens = this.#tokens
    tokens.allow(bytes)
    while (this.#finished() && tokens.space()) {
      if (tokens.isOver) {
        if (this.#expected === 'nothing') return true
        throw tokens.refused()
      }
      this.#begin(tokens.byte)
    }
    return false
  }

  /** Whether the token that was begun is read to its end. */
  #finished(): boolean {
    const tokens = this.#tokens
    switch (this.#token) {
      case undefined:
        return true
      case 'key':
        if (!tokens.key()) return false
        this.#keyEnds()
        break
      case 'string':
        if (!tokens.string()) return false
        this.#valueEnds()
        break
      case 'number':
        if (!tokens.number()) return false
        this.#valueEnds()
    }
    this.#token = undefined
    return true
  }

  /** Takes up the token that begins with a byte, or takes the byte if that is all of it. */
  #begin(byte: number): void {
    switch (this.#expected) {
      case 'object':
        if (byte !== OPEN_BRACE) throw new Problem('malformed_json', 'The body is not a JSON object.')
        this.#value(byte)
        break
      case 'item or end':
        if (byte === CLOSE_BRACKET) this.#close()
        else this.#value(byte)
        break
      case 'value':
        this.#value(byte)
        break
      case 'key or end':
        if (byte === CLOSE_BRACE) this.#close()
        else this.#key(byte)
        break
      case 'key':
        this.#key(byte)
        break
      case 'colon':
        this.#take(byte === COLON, 'value')
        break
      case 'comma or end': {
        const keys = this.#open.at(-1)
        if (byte === (keys ? CLOSE_BRACE : CLOSE_BRACKET)) this.#close()
        else this.#take(byte === COMMA, keys ? 'key' : 'value')
        break
      }
      case 'nothing':
        throw this.#tokens.refused()
    }
  }

  #take(isRight: boolean, next: 'value' | 'key'): void {
    if (!isRight) throw this.#tokens.refused()
    this.#tokens.at++
    this.#expected = next
  }

  #key(byte: number): void {
    if (byte !== QUOTE) throw this.#tokens.refused()
    this.#keyStart = ++this.#tokens.at
    this.#tokens.beginKey()
    this.#token = 'key'
  }

  #keyEnds(): void {
    const tokens = this.#tokens
    const start = this.#keyStart
    const isSame = (other: number) => tokens.textAt(other) === tokens.textAt(start)
    if (this.#open.at(-1)?.has(tokens.hash, start, isSame))
      throw new Problem('malformed_json', `The body has a key twice in one object: again at byte ${start - 1}.`)
    if (this.#open.length === 1) {
      this.isEmpty = false
      const name = this.#wanted.get(tokens.hash)
      this.#member = name !== undefined && tokens.textAt(start) === name ? name : undefined
    }
    this.#expected = 'colon'
  }

  #value(byte: number): void {
    const tokens = this.#tokens
    if (this.#open.length === 1) this.#valueStart = tokens.at
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#descend(byte === OPEN_BRACE)
    else if (byte === QUOTE) {
      tokens.at++
      this.#token = 'string'
    } else if (byte === MINUS || (byte >= 0x30 && byte <= 0x39)) {
      tokens.beginNumber()
      this.#token = 'number'
    } else {
      tokens.literal()
      this.#valueEnds()
    }
  }

  #descend(isObject: boolean): void {
    const depth = this.#open.length
    if (depth === MOST_DEPTH)
      throw new Problem('malformed_json', `The body is nested deeper than ${MOST_DEPTH} containers.`)
    const inside = ++this.#tokens.at
    if (depth === 0) this.inside = inside
    let keys: KeySet | undefined
    if (isObject) {
      keys = this.#sets[depth] ??= new KeySet()
      keys.clear()
    }
    this.#open.push(keys)
    this.#expected = isObject ? 'key or end' : 'item or end'
  }

  #close(): void {
    this.#tokens.at++
    this.#open.pop()
    this.#valueEnds()
  }

  #valueEnds(): void {
    const { length } = this.#open
    this.#expected = length === 0 ? 'nothing' : 'comma or end'
    if (length !== 1 || this.#member === undefined) return
    this.members[this.#member] = { from: this.#valueStart, to: this.#tokens.at }
    this.#member = undefined
  }
}
