import type { Line } from './line.ts'

/** What is held of a request while its connection is made. */
const MOST_WAITING_BYTES = 65_536

/** What is on its way to an upstream: what its line has not taken yet waits here. */
export class Outbox {
  /** Called once, when there is room again, or no use for it. */
  onDrain: (() => void) | undefined
  /** Whether a write failed, whatever the connection's end then looks like. */
  isBroken = false
  #line: Line | undefined
  #waiting: Uint8Array[] = []
  #bytes = 0

  /** Whether all of it has left. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** The line stands. */
  open(line: Line): void {
    this.#line = line
    this.flush()
  }

  /** Sends bytes, once the line stands; `false` where the next ones are to wait for `onDrain`. */
  write(bytes: Uint8Array): boolean {
    // No room there, but an end that is about to be told: nothing more is read for it.
    if (this.isBroken) return false
    this.#waiting.push(bytes)
    this.#bytes += bytes.length
    if (!this.#line) return this.#bytes < MOST_WAITING_BYTES
    if (this.#waiting.length === 1) this.#send(this.#line)
    return this.isEmpty && !this.isBroken
  }

  /** There is room. */
  flush(): void {
    if (this.#line) this.#send(this.#line)
    if (this.isEmpty) this.#drain()
  }

  /** Drops what waits, and takes no more. */
  close(): void {
    this.isBroken = true
    this.#line = undefined
    this.#waiting = []
    this.#drain()
  }

  /** For another request, on a line that is still being made. */
  reopen(): void {
    this.isBroken = false
    this.#bytes = 0
  }

  #send(line: Line): void {
    for (let next = this.#waiting[0]; next && !this.isBroken; next = this.#waiting[0]) {
      const taken = line.write(next)
      this.isBroken = taken < 0
      if (this.isBroken) this.#waiting = []
      else if (taken < next.length) {
        this.#waiting[0] = next.subarray(taken)
        return
      } else this.#waiting.shift()
    }
    this.#bytes = 0
  }

  #drain(): void {
    const go = this.onDrain
    this.onDrain = undefined
    go?.()
  }
}
