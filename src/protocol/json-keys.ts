const FEW_SLOTS = 16
// One key more and the set is parted: what is moved at once stays under a millisecond, however many keys follow.
const MOST_UNPARTED = 32_768
const PARTS = 256

/** A hash table of numbers under 32-bit hashes, with linear probing, in one typed array: nothing for the collector. */
class Table {
  count = 0
  // Pairs of a hash and the number plus one; a free slot has 0 there.
  #slots = new Int32Array(2 * FEW_SLOTS)

  /** Whether a number is there under this hash of which `isSame` holds; if not, the number is added. */
  has(hash: number, number: number, isSame: (other: number) => boolean): boolean {
    const slots = this.#slots
    for (let at = this.#slotOf(hash); slots[at + 1]; at = (at + 2) & (slots.length - 1))
      if (slots[at] === hash && isSame((slots[at + 1] ?? 0) - 1)) return true
    this.#put(hash, number + 1)
    if (++this.count * 3 > slots.length) this.#grow()
    return false
  }

  clear(): void {
    if (this.count === 0) return
    if (this.#slots.length > 8 * FEW_SLOTS) this.#slots = new Int32Array(2 * FEW_SLOTS)
    else this.#slots.fill(0)
    this.count = 0
  }

  each(take: (hash: number, number: number) => void): void {
    for (let at = 0; at < this.#slots.length; at += 2) {
      const stored = this.#slots[at + 1] ?? 0
      if (stored) take(this.#slots[at] ?? 0, stored - 1)
    }
  }

  #slotOf(hash: number): number {
    return (hash * 2) & (this.#slots.length - 1)
  }

  #put(hash: number, stored: number): void {
    const slots = this.#slots
    let at = this.#slotOf(hash)
    while (slots[at + 1]) at = (at + 2) & (slots.length - 1)
    slots[at] = hash
    slots[at + 1] = stored
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Int32Array(old.length * 2)
    for (let at = 0; at < old.length; at += 2) if (old[at + 1]) this.#put(old[at] ?? 0, old[at + 1] ?? 0)
  }
}

/** The keys of one object, each known by where it begins. */
export class KeySet {
  readonly #first = new Table()
  #parts: Table[] | undefined

  /** Whether the same key is there; if not, it is added. `isSame` is asked of keys with the same hash. */
  has(hash: number, start: number, isSame: (other: number) => boolean): boolean {
    const table = this.#parts?.[hash >>> 24] ?? this.#first
    const found = table.has(hash, start, isSame)
    if (table === this.#first && table.count > MOST_UNPARTED) this.#part()
    return found
  }

  clear(): void {
    this.#first.clear()
    this.#parts = undefined
  }

  #part(): void {
    const parts = Array.from({ length: PARTS }, () => new Table())
    this.#first.each((hash, start) => parts[hash >>> 24]?.has(hash, start, () => false))
    this.#parts = parts
    this.#first.clear()
  }
}
