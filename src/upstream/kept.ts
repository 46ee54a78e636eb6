interface Deps<T> {
  load: () => Promise<T>
  now: () => number
  /** Milliseconds a loaded value is good for. */
  keptMs: number
}

/** A value of somebody else's that many ask for: one load in flight, kept for a moment, failures never kept. */
export interface Kept<T> {
  get(): Promise<T>
  /** Forgets the value, and one being loaded: it may be the old one. At most once a second. */
  drop(): void
}

const DROP_MS = 1000

export function kept<T>({ load, now, keptMs }: Deps<T>): Kept<T> {
  let value: { it: T; at: number } | undefined
  let inFlight: Promise<T> | undefined
  let droppedAt = Number.NEGATIVE_INFINITY

  /** Whether a time is less than so many milliseconds ago; one that a clock stepping back left ahead of us is not. */
  function isWithin(ms: number, at: number): boolean {
    const age = now() - at
    return age >= 0 && age < ms
  }

  function start(): Promise<T> {
    const loading = load()
      .then(it => {
        if (inFlight === loading) value = { it, at: now() }
        return it
      })
      .finally(() => {
        if (inFlight === loading) inFlight = undefined
      })
    return loading
  }

  return {
    get: async () => {
      if (value && isWithin(keptMs, value.at)) return value.it
      inFlight ??= start()
      return inFlight
    },
    drop: () => {
      if (isWithin(DROP_MS, droppedAt)) return
      droppedAt = now()
      value = undefined
      inFlight = undefined
    },
  }
}
