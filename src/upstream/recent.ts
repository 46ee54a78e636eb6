interface Deps {
  now: () => number
  /** How many values are kept; the oldest makes room. */
  most: number
}

/** Gives what is kept under a key, or loads it and keeps it for so many milliseconds; failures are never kept. */
export type Recent<T> = (key: string, keptMs: number, load: () => Promise<T>) => Promise<T>

/** Values that many ask for by keys of theirs: one load in flight for each key. */
export function recent<T>({ now, most }: Deps): Recent<T> {
  const inFlight = new Map<string, Promise<T>>()
  const values = new Map<string, { it: T; at: number; keptMs: number }>()

  function keep(key: string, it: T, keptMs: number): void {
    const [oldest] = values.keys()
    if (values.size >= most && oldest !== undefined) values.delete(oldest)
    values.set(key, { it, at: now(), keptMs })
  }

  async function loaded(key: string, keptMs: number, load: () => Promise<T>): Promise<T> {
    try {
      const it = await load()
      if (keptMs > 0) keep(key, it, keptMs)
      return it
    } finally {
      inFlight.delete(key)
    }
  }

  return async (key, keptMs, load) => {
    const value = values.get(key)
    const age = value ? now() - value.at : 0
    // A clock that stepped back keeps nothing for longer.
    if (value && age >= 0 && age < value.keptMs) return value.it
    values.delete(key)
    const flight = inFlight.get(key) ?? loaded(key, keptMs, load)
    inFlight.set(key, flight)
    return flight
  }
}
