/** Counts what this process does at once, up to a limit. */
export interface InFlight {
  /** Whether there is room for one more, which is then counted. */
  enter(): boolean
  leave(): void
}

/** A counter that starts at nothing. */
export function inFlight(limit: number): InFlight {
  let count = 0
  return {
    enter: () => {
      if (count >= limit) return false
      count++
      return true
    },
    leave: () => {
      count--
    },
  }
}
