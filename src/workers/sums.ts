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
  let past: Promise<readonly Counted[]> = Promise.resolve([])
  const added = (all: readonly (readonly Counted[])[]) => AggregatorRegistry.aggregate(all as object[][])

  return {
    bury: process => {
      const counted = seen.get(process)?.filter(lasts)
      if (counted) past = past.then(before => added([before, counted]).getMetricsAsJSON())
    },
    text: async processes => {
      for (const [process, counted] of processes) if (counted.length > 0) seen.set(process, counted)
      return added([...processes.keys().map(process => seen.get(process) ?? []), await past]).metrics()
    },
  }
}
