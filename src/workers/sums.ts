import AggregatorRegistry from 'prom-client/lib/cluster.js'
import type { Counted } from '../metrics/metrics.ts'

/** Sums what processes counted. */
export interface Sums {
  /** Keeps what a process that is no more had counted when it was last asked: a counter never goes back. */
  bury(process: object): void
  /** The text format of Prometheus, of all of them together; of one that did not answer, as it did before. */
  text(processes: ReadonlyMap<object, readonly Counted[]>): Promise<string>
}

// What is so at the moment is no more.
const lasts = ({ type }: Counted) => type === 'counter' || type === 'histogram'

/** Sums of counters and histograms; of gauges as each says. */
export function sums(): Sums {
  const seen = new WeakMap<object, readonly Counted[]>()
  const buried = new WeakSet<object>()
  let past: Promise<readonly Counted[]> = Promise.resolve([])
  const added = (all: readonly (readonly Counted[])[]) => AggregatorRegistry.aggregate(all as object[][])

  return {
    bury: process => {
      buried.add(process)
      const counted = seen.get(process)?.filter(lasts)
      if (counted) past = past.then(before => added([before, counted]).getMetricsAsJSON())
    },
    text: async processes => {
      // One may have died since it was asked: it is in the past already.
      const there = [...processes].filter(([process]) => !buried.has(process))
      for (const [process, counted] of there) if (counted.length > 0) seen.set(process, counted)
      return added([...there.map(([process]) => seen.get(process) ?? []), await past]).metrics()
    },
  }
}
