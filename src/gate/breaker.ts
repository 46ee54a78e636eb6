type Listener = (() => void) | { handleEvent(): void }

/** What breaks a request off: its signal is then aborted, as when its client leaves, and has the reason. */
export function breakerOf(request: Request): Breaker {
  const { signal } = request
  const breaker = new Breaker()
  if (signal.aborted) breaker.abort()
  else signal.addEventListener('abort', breaker)
  // Not another request: this one is known, by itself, to the gate and to the server.
  Object.defineProperty(request, 'signal', { value: breaker })
  return breaker
}

/** A request's signal, and what aborts it: as much of an AbortSignal as is asked of one here. */
// One of the runtime's is 1.4 KB of each open stream.
export class Breaker implements Pick<AbortSignal, 'aborted' | 'reason'> {
  aborted = false
  reason: unknown
  #listeners: Listener[] = []

  addEventListener(_: 'abort', listener: Listener): void {
    this.#listeners.push(listener)
  }

  removeEventListener(_: 'abort', listener: Listener): void {
    this.#listeners = this.#listeners.filter(one => one !== listener)
  }

  abort(reason?: unknown): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    // One by one: what is told may take others off.
    for (let told = this.#listeners.shift(); told; told = this.#listeners.shift()) {
      if (typeof told === 'function') told()
      else told.handleEvent()
    }
  }

  /** The client left. */
  handleEvent(): void {
    this.abort()
  }
}
