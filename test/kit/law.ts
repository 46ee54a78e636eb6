/** A request that was allowed, and when its limiter read the clock for it, in milliseconds. */
export interface Admission {
  readonly owner: string
  readonly at: number
}

/** A limiter's setting. */
export interface Rate {
  readonly rpm: number
  readonly burst: number
}

/**
 * The longest run of one owner's admissions that the limiter's law does not allow; none if it was kept. Over every
 * window: as many as the bucket holds, and one more for each step of time in it.
 */
export function breach(admissions: readonly Admission[], { rpm, burst }: Rate): string | undefined {
  const step = Math.round(60_000_000 / rpm)
  for (const [owner, own] of Map.groupBy(admissions, ({ owner }) => owner)) {
    const times = own.map(({ at }) => at * 1000).sort((a, b) => a - b)
    // Of all windows that end with a request, the one with the least room left counts. Room is
    // burst · step + (end − begin) − count · step: the largest begin − index · step decides where that one begins.
    let begin = 0
    for (const [index, end] of times.entries()) {
      if ((times[index] ?? 0) - index * step > (times[begin] ?? 0) - begin * step) begin = index
      const count = index - begin + 1
      const room = burst * step + end - (times[begin] ?? 0) - count * step
      if (room < 0) return `${owner}: ${count} in ${(end - (times[begin] ?? 0)) / 1000} ms, ${-room} µs too soon`
    }
  }
  return undefined
}
