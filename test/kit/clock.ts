/** A clock that moves only when told. */
export interface Clock {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Moves on by so many milliseconds; back if negative. */
  readonly pass: (ms: number) => void
}

/** A clock that stands at a whole second of 2026, unless told where. */
export function clockAt(start = 1_767_225_600_000): Clock {
  let at = start
  return {
    now: () => at,
    pass: ms => {
      at += ms
    },
  }
}
