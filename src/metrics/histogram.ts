import type { Metric, Registry } from 'prom-client'

interface Options {
  readonly registers: readonly Registry[]
  readonly name: string
  readonly help: string
  readonly labelNames?: readonly string[]
  /** Upper bounds, in ascending order. */
  readonly buckets: readonly number[]
}

type Label = string | number

interface Series {
  readonly labels: Readonly<Record<string, Label>>
  /** Of each bucket alone, and last of what is above all bounds. */
  readonly counts: number[]
  sum: number
}

/**
 * A histogram in prom-client's registries, told a value under labels in the order of their names. The library's own spells
 * a bound out each time to find its bucket, and all labels for their series: a microsecond for each value in place of a
 * quarter, six times a request or more.
 */
export function histogram({ registers, name, help, labelNames = [], buckets }: Options) {
  const series = new Map<string, Series>()
  function begun(key: string, values: readonly Label[]): Series {
    const labels = Object.fromEntries(labelNames.map((label, at) => [label, values[at] ?? '']))
    const one = { labels, counts: new Array<number>(buckets.length + 1).fill(0), sum: 0 }
    series.set(key, one)
    return one
  }
  if (labelNames.length === 0) begun('', [])
  const get = async () => ({
    ...{ name, help, type: 'histogram', aggregator: 'sum' },
    values: [...series.values()].flatMap(one => samples(name, buckets, one)),
  })
  // What a registry asks of a metric, and no more.
  for (const registry of registers) registry.registerMetric({ name, get } as unknown as Metric)

  return (values: readonly Label[], value: number): void => {
    const key = values.join('\n')
    const one = series.get(key) ?? begun(key, values)
    let at = 0
    while (value > (buckets[at] ?? Number.POSITIVE_INFINITY)) at++
    one.counts[at] = (one.counts[at] ?? 0) + 1
    one.sum += value
  }
}

/** A series as it is told: its buckets added up from the lowest, the sum and the count. */
function samples(name: string, buckets: readonly number[], { labels, counts, sum }: Series) {
  let count = 0
  const added = counts.map((more, at) => {
    count += more
    return { labels: { le: buckets[at] ?? '+Inf', ...labels }, value: count, metricName: `${name}_bucket` }
  })
  return [
    ...added,
    { labels, value: sum, metricName: `${name}_sum` },
    { labels, value: count, metricName: `${name}_count` },
  ]
}
