/** Something in the database that requests ask for, and a copy of it in memory. */
export interface Watched<T> {
  /** As it is in force; at once unless it was read more than four seconds ago. @throws what reading throws */
  current(): T | Promise<T>
  /** Makes a change, after which all is read anew. */
  changing(change: () => Promise<void>): Promise<void>
}

interface Deps<T> {
  read: () => Promise<T>
  now: () => number
}

// A change is in force everywhere within five seconds; one is for reading.
const KEPT_MS = 4000

/** A copy that is read anew every four seconds, when it is asked for; one reading at a time, failures never kept. */
export function watched<T>({ read, now }: Deps<T>): Watched<T> {
  let known: { it: T; at: number } | undefined
  let reading: Promise<T> | undefined

  function start(): Promise<T> {
    const at = now()
    const begun = read()
      .then(it => {
        // One that a change came upon may hold what was before it.
        if (reading === begun) known = { it, at }
        return it
      })
      .finally(() => {
        if (reading === begun) reading = undefined
      })
    return begun
  }

  return {
    current: () => {
      const age = known ? now() - known.at : -1
      if (known && age >= 0 && age < KEPT_MS) return known.it
      reading ??= start()
      return reading
    },
    changing: async change => {
      try {
        await change()
      } finally {
        known = undefined
        reading = undefined
      }
    },
  }
}
