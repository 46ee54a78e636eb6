import { Connection, type Home } from './connection.ts'

const MOST_FREE = 256
// A request sent on a connection that its server is just closing is lost: one that tells when it does is left before.
const BEFORE_MS = 1000
/** Connections that are still being made while nobody waits for them: nothing ends those, but minutes. */
const MOST_ORPHANS = 128

/** One server, and the connections to it that no request has. */
export class Site implements Home {
  /** Makes what a connection goes over; what comes of that is told later, never at once. */
  readonly dial: (connection: Connection) => void
  readonly #freeMs: number
  readonly #now: () => number
  readonly #free: Connection[] = []
  readonly #orphans: Connection[] = []
  #sweeping: ReturnType<typeof setTimeout> | undefined

  /** One that is free is not taken after `freeMs` milliseconds, and ended before two of these; `now` in milliseconds. */
  constructor(dial: (connection: Connection) => void, freeMs: number, now: () => number) {
    this.dial = dial
    this.#freeMs = freeMs
    this.#now = now
  }

  /** One that stands and is free, the last one first, or another one. */
  take(): Connection {
    for (let last = this.#free.pop(); last; last = this.#free.pop()) {
      if (last.freeUntil > this.#now()) return last
      last.leave()
    }
    return this.another()
  }

  /** Rather a new one than one that was given up: that may wait long for its next packet. */
  another(): Connection {
    const orphan = this.#orphans.length > MOST_ORPHANS ? this.#orphans.pop() : undefined
    return orphan ?? new Connection(this)
  }

  keep(connection: Connection): void {
    connection.freeUntil = this.#now() + Math.min(this.#freeMs, connection.keptMs - BEFORE_MS)
    this.#free.push(connection)
    if (this.#free.length > MOST_FREE) this.#free[0]?.leave()
    if (!this.#sweeping) this.#plan()
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

  #plan(): void {
    this.#sweeping = setTimeout(() => this.#sweep(), this.#freeMs)
    this.#sweeping.unref()
  }

  #sweep(): void {
    const now = this.#now()
    for (const connection of this.#free.filter(({ freeUntil }) => freeUntil <= now)) connection.leave()
    this.#sweeping = undefined
    if (this.#free.length > 0) this.#plan()
  }
}
