/** Something in the database that requests ask for, and a copy of it in memory. */
export interface Watched<T> {
  /** As it is in force, without waiting; `undefined` unless it was read within the last four seconds. */
  known(): T | undefined
  /** As it is in force; at once where it is known. @throws what reading throws */
  current(): T | Promise<T>
  /** Reads it anew, or goes along where that has begun. @throws what reading throws */
  read(): Promise<T>
  /** Makes a change, after which all is read anew. */
  changing(change: () => Promise<void>): Promise<void>
}

interface Deps<T> {
  read: () => Promise<T>
  now: () => number
  /** Told of what is in force each time that it was read. */
  tell?: (it: T) => void
}

// A change is in force everywhere within five seconds; one is for reading.
const KEPT_MS = 4000

/** A copy that is read anew every four seconds, when it is asked for; one reading at a time, failures never kept. */
export function watched<T>({ read, now, tell }: Deps<T>): Watched<T> {
  let held: { it: T; at: number } | undefined
  let reading: Promise<T> | undefined

  function start(): Promise<T> {
    const at = now()
    const begun = read()
      .then(it => {
        // One that a change came upon may hold what was before it.
        if (reading === begun) {
          held = { it, at }
          tell?.(it)
        }
        return it
      })
      .finally(() => {
        if (reading === begun) reading = undefined
      })
    return begun
  }
  function readOnce(): Promise<T> {
    reading ??= start()
    return reading
  }
  function known(): T | undefined {
    const age = held ? now() - held.at : -1
    return held && age >= 0 && age < KEPT_MS ? held.it : undefined
  }

  return {
    known,
    current: () => known() ?? readOnce(),
    read: readOnce,
    changing: async change => {
      try {
        await change()
      } finally {
        held = undefined
        reading = undefined
      }
    },
  }
}
