import { Connection, type Home } from './connection.ts'

const MOST_FREE = 256
/** Connections that are still being made while nobody waits for them: nothing ends those, but minutes. */
const MOST_ORPHANS = 128

/** One server, and the connections to it that no request has. */
export class Site implements Home {
  /** Makes what a connection goes over; what comes of that is told later, never at once. */
  readonly dial: (connection: Connection) => void
  readonly #now: () => number
  readonly #free: Connection[] = []
  readonly #orphans: Connection[] = []

  /** `now` counts as the pool does, and is called whenever one is kept. */
  constructor(dial: (connection: Connection) => void, now: () => number) {
    this.dial = dial
    this.#now = now
  }

  /** One that stands and is free, the last one first, or another one. */
  take(): Connection {
    return this.#free.pop() ?? this.another()
  }

  /** Rather a new one than one that was given up: that may wait long for its next packet. */
  another(): Connection {
    const orphan = this.#orphans.length > MOST_ORPHANS ? this.#orphans.pop() : undefined
    return orphan ?? new Connection(this)
  }

  keep(connection: Connection): void {
    connection.keptAt = this.#now()
    this.#free.push(connection)
    if (this.#free.length > MOST_FREE) this.#free[0]?.leave()
  }

  orphan(connection: Connection): void {
    this.#orphans.push(connection)
  }

  drop(connection: Connection): void {
    for (const among of [this.#free, this.#orphans]) {
      const at = among.indexOf(connection)
      if (at >= 0) among.splice(at, 1)
    }
  }

  /** Ends those that were kept before; gives how many are left. */
  sweep(before: number): number {
    for (const connection of this.#free.filter(({ keptAt }) => keptAt < before)) connection.leave()
    return this.#free.length
  }
}
