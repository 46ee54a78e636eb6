const MOST = 10_000

/** Something that was looked up: how long it may be remembered, and when it was so, in milliseconds since the epoch. */
export interface Learned<T> {
  readonly value: T
  readonly until: number
  readonly from: number
}

/** What was learned of tokens a moment ago, by their digests: the tokens themselves are kept nowhere. */
export interface Memory<T> {
  /** Changes whenever something is forgotten: what was learned before that may not be true any more. */
  readonly generation: number
  get(digest: string): T | undefined
  /**
   * Remembers until a time, in milliseconds since the epoch, what was so at another, now unless told; the oldest of
   * 10,000 makes room.
   */
  set(digest: string, value: T, until: number, from?: number): void
  /** What a look finds; remembered, unless something was forgotten while it was under way. */
  learn(digest: string, look: () => Promise<Learned<T>>): Promise<T>
  /** Forgets one. */
  drop(digest: string): void
  /** Forgets all that are meant; all there are, unless told. */
  forget(isMeant?: (value: T) => boolean): void
}

/** An empty memory. A clock that steps back makes it forget: nothing is held for longer than it was meant to be. */
export function memory<T>(now: () => number): Memory<T> {
  const entries = new Map<string, Learned<T>>()
  let generation = 0
  function set(digest: string, value: T, until: number, from = now()): void {
    if (entries.size >= MOST) {
      const oldest = entries.keys().next()
      if (!oldest.done) entries.delete(oldest.value)
    }
    entries.set(digest, { value, from, until })
  }

  return {
    get generation() {
      return generation
    },
    get: digest => {
      const entry = entries.get(digest)
      if (!entry) return undefined
      const at = now()
      if (entry.from <= at && at < entry.until) return entry.value
      entries.delete(digest)
      return undefined
    },
    set,
    learn: async (digest, look) => {
      const before = generation
      const { value, until, from } = await look()
      if (generation === before) set(digest, value, until, from)
      return value
    },
    drop: digest => {
      entries.delete(digest)
    },
    forget: isMeant => {
      generation++
      if (!isMeant) entries.clear()
      else for (const [digest, { value }] of entries) if (isMeant(value)) entries.delete(digest)
    },
  }
}
