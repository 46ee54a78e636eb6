const KEPT_CAPACITY = 65_536
const NOTHING = Buffer.alloc(0)

/** Bytes put one behind the other, from the first on and so many at most. */
export class Held {
  /** Whether more came than there was room for. */
  cut = false
  readonly #most: number
  #buffer = NOTHING
  #size = 0

  constructor(most: number) {
    this.#most = most
  }

  /** What is held, good until it changes. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#size)
  }

  add(bytes: Uint8Array): void {
    const size = Math.min(this.#size + bytes.length, this.#most)
    this.cut ||= this.#size + bytes.length > this.#most
    if (size > this.#buffer.length) this.#grow(size)
    this.#buffer.set(bytes.subarray(0, size - this.#size), this.#size)
    this.#size = size
  }

  clear(): void {
    this.#size = 0
    this.cut = false
    if (this.#buffer.length > KEPT_CAPACITY) this.#buffer = NOTHING
  }

  // Twice the size each time: bytes that come one by one are copied twice, not once for each.
  #grow(size: number): void {
    const grown = Buffer.allocUnsafe(Math.min(Math.max(size, 2 * this.#buffer.length, 512), this.#most))
    grown.set(this.bytes)
    this.#buffer = grown
  }
}

/** What bytes say as JSON; `undefined` for none or what is not JSON. */
export function jsonOf(bytes: Buffer | undefined): unknown {
  if (!bytes) return undefined
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}
