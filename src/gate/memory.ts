const MOST = 10_000

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
  /** Forgets one. */
  drop(digest: string): void
  /** Forgets all that are meant; all there are, unless told. */
  forget(isMeant?: (value: T) => boolean): void
}

/** An empty memory. A clock that steps back makes it forget: nothing is held for longer than it was meant to be. */
export function memory<T>(now: () => number): Memory<T> {
  const entries = new Map<string, { value: T; from: number; until: number }>()
  let generation = 0
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
    set: (digest, value, until, from = now()) => {
      if (entries.size >= MOST) {
        const oldest = entries.keys().next()
        if (!oldest.done) entries.delete(oldest.value)
      }
      entries.set(digest, { value, from, until })
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
