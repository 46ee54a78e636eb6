import { descriptorsOf, memoryOf } from '../process.ts'

/** How a process was at one moment. */
export interface Sample {
  /** Minutes since the load began. */
  readonly minute: number
  /** MB of 10⁶ bytes. */
  readonly memory: number
  readonly descriptors: number
  /** Milliseconds, of the small chats that ended since the sample before; absent where none did. */
  readonly p99: number | undefined
}

const EACH_MS = 10_000

/** Looks at a process every ten seconds, and at what its small chats took. */
export function sampling(pid: number) {
  const began = performance.now()
  const samples: Sample[] = []
  let took: number[] = []
  const look = () => {
    const sorted = took.toSorted((a, b) => a - b)
    took = []
    samples.push({
      minute: (performance.now() - began) / 60_000,
      memory: memoryOf(pid) / 1e6,
      descriptors: descriptorsOf(pid),
      p99: sorted[Math.floor(sorted.length * 0.99)],
    })
  }
  const timer = setInterval(look, EACH_MS)
  return {
    samples,
    took: (milliseconds: number) => void took.push(milliseconds),
    stop: () => clearInterval(timer),
  }
}

/** Of each minute the sample with the least memory: what is held once what nobody holds has been collected. */
export function lows(samples: readonly Sample[]): Sample[] {
  const minutes = Map.groupBy(samples, ({ minute }) => Math.floor(minute))
  return [...minutes.values()].map(some => some.reduce((least, one) => (one.memory < least.memory ? one : least)))
}

/**
 * What a straight line through these rises in ten minutes, by the median of all pairs, and between what it lies with 95 %
 * (P. K. Sen 1968, section 3): one burst moves it little.
 */
export function risePerTenMinutes(samples: readonly Sample[]): { median: number; low: number; high: number } {
  const slopes: number[] = []
  for (const [at, one] of samples.entries())
    for (const other of samples.slice(at + 1)) slopes.push((other.memory - one.memory) / (other.minute - one.minute))
  slopes.sort((a, b) => a - b)
  const count = samples.length
  const aside = (1.96 * Math.sqrt((count * (count - 1) * (2 * count + 5)) / 18)) / 2
  const middle = slopes.length / 2
  const rank = (place: number) =>
    10 * (slopes[Math.max(0, Math.min(slopes.length - 1, Math.floor(place)))] ?? Number.NaN)
  return { median: rank(middle), low: rank(middle - aside), high: rank(middle + aside) }
}

/** The median of the first and of the last third. */
export function ends(samples: readonly Sample[], of: (sample: Sample) => number | undefined): [number, number] {
  const third = Math.ceil(samples.length / 3)
  return [samples.slice(0, third), samples.slice(-third)].map(some => {
    const values = some.flatMap(sample => of(sample) ?? []).toSorted((a, b) => a - b)
    return values[Math.floor(values.length / 2)] ?? Number.NaN
  }) as [number, number]
}
