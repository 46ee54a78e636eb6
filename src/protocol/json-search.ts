const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a]
const [BRACE, END_BRACE, BRACKET, END_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d]
/** The longest string that is read, as it is spelled: 255 characters, each escaped. */
const LONGEST = 255 * 6

/** Finds one string in JSON that comes in pieces, by its path; it reads no further, and judges nothing. */
export class JsonSearch {
  /** The string, once it came; empty where it is too long, or spelled as none is. */
  found: string | undefined
  readonly #path: readonly string[]
  /** Containers that are open, and of them, from the root, the objects on the path. */
  #depth = 0
  #onPath = 0
  #key: string | undefined
  #isValue = false
  #inString = false
  #escaped = false
  /** The string that is being read, where it matters; as it is spelled. */
  #text: number[] | undefined

  constructor(path: readonly string[]) {
    this.#path = path
  }

  feed(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.found === undefined; at++) {
      const byte = bytes[at] ?? 0
      if (this.#inString) this.#inText(byte)
      else this.#between(byte)
    }
  }

  get #isHere(): boolean {
    return this.#depth > 0 && this.#depth === this.#onPath
  }

  #between(byte: number): void {
    if (byte === QUOTE) {
      this.#inString = true
      this.#text = this.#isHere ? [] : undefined
    } else if (byte === COLON) this.#isValue = true
    else if (byte === COMMA) this.#isValue = false
    else if (byte === BRACE || byte === BRACKET) this.#opens(byte === BRACE)
    else if (byte === END_BRACE || byte === END_BRACKET) {
      this.#depth--
      this.#onPath = Math.min(this.#onPath, this.#depth)
    }
  }

  #opens(isObject: boolean): void {
    const isNext = this.#depth === this.#onPath && (this.#depth === 0 || this.#isWanted(this.#depth))
    if (isObject && isNext && this.#depth < this.#path.length) this.#onPath++
    this.#depth++
    this.#isValue = false
  }

  /** Whether what comes is the value of the path's member in the object that is open so deep. */
  #isWanted(depth: number): boolean {
    return this.#isValue && this.#key === this.#path[depth - 1]
  }

  #inText(byte: number): void {
    if (byte === QUOTE && !this.#escaped) {
      this.#ends()
      return
    }
    this.#escaped = byte === BACKSLASH && !this.#escaped
    if (this.#text?.push(byte) === LONGEST + 1) this.#text = undefined
  }

  #ends(): void {
    this.#inString = false
    if (!this.#isHere) return
    const text = this.#text && spelled(this.#text)
    if (!this.#isValue) this.#key = text
    else if (this.#depth === this.#path.length && this.#isWanted(this.#depth)) this.found = text ?? ''
  }
}

function spelled(bytes: readonly number[]): string | undefined {
  try {
    return String(JSON.parse(`"${Buffer.from(bytes)}"`))
  } catch {
    return undefined
  }
}
