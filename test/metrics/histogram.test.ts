import { expect, test } from 'bun:test'
import { Histogram, Registry } from 'prom-client'
import { histogram } from '../../src/metrics/histogram.ts'

const BUCKETS = [0.00005, 0.5, 1, 10]
const VALUES = [0, 0.00005, 0.00006, 0.5, 1, 2, 10, 11, 1e9]

test.each([[[]], [['route', 'status']]])('with labels %j all is told as the library tells it', async labelNames => {
  const [own, library] = [new Registry(), new Registry()]
  const options = { name: 'h_seconds', help: 'A "help"\\.', labelNames, buckets: BUCKETS }
  const observe = histogram({ registers: [own], ...options })
  const theirs = new Histogram({ registers: [library], ...options })
  // But for examples, of which there are none.
  const alike = async () => {
    expect(await own.metrics()).toBe(await library.metrics())
    const told: unknown = JSON.parse(
      JSON.stringify(await library.getMetricsAsJSON()).replaceAll('"exemplar":null,', ''),
    )
    expect(JSON.parse(JSON.stringify(await own.getMetricsAsJSON()))).toEqual(told)
  }
  await alike()
  for (const [at, value] of VALUES.entries()) {
    const labels = { route: `/v1/"${at % 2}"`, status: 200 + (at % 3) }
    const mine = labelNames.length === 0 ? [] : [labels.route, labels.status]
    observe(mine, value)
    if (labelNames.length === 0) theirs.observe(value)
    else theirs.observe(labels, value)
  }
  await alike()
})
