/** A request that was let through: its limiter read the clock for it between these two, in milliseconds. */
export interface Admitted {
  readonly caller: string
  readonly asked: number
  readonly arrived: number
}

/** A limiter's setting. */
export interface Bucket {
  readonly burst: number
  readonly stepMs: number
}

/**
 * Every window of every caller: no more admissions lie wholly in it than burst + rate · window, and what was given back
 * to its caller. `least` is how many more there might have been in the tightest.
 */
export function windowsOf(
  admitted: readonly Admitted[],
  { burst, stepMs }: Bucket,
  givenBack: (caller: string, begin: number, end: number) => number = () => 0,
) {
  let windows = 0
  let least = Number.POSITIVE_INFINITY
  for (const [caller, own] of Map.groupBy(admitted, ({ caller }) => caller)) {
    const byArrival = own.toSorted((a, b) => a.arrived - b.arrived)
    for (const { asked: begin } of own) {
      let count = 0
      for (const { asked, arrived } of byArrival) {
        if (asked < begin) continue
        count++
        windows++
        const room = burst + (arrived - begin) / stepMs - count
        if (room < least) least = Math.min(least, room + givenBack(caller, begin, arrived))
      }
    }
  }
  return { windows, least }
}
