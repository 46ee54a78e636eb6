import { expect, test } from 'bun:test'
import { Counter, Registry } from 'prom-client'
import { counter } from '../../src/metrics/counter.ts'

test('what is counted under labels is told as the library tells it', async () => {
  const [own, library] = [new Registry(), new Registry()]
  const options = { name: 'c_total', help: 'A "help"\\.', labelNames: ['route', 'code'] }
  const count = counter({ registers: [own], ...options })
  const theirs = new Counter({ registers: [library], ...options })
  const alike = async () => {
    expect(await own.metrics()).toBe(await library.metrics())
    const [mine, told] = [await own.getMetricsAsJSON(), await library.getMetricsAsJSON()]
    expect(JSON.parse(JSON.stringify(mine))).toEqual(JSON.parse(JSON.stringify(told)))
  }
  await alike()
  for (const [route, code, more] of [
    ['/v1/"a"', 'x', 0],
    ['/v1/b', 'x', 1],
    ['/v1/"a"', 'x', 1],
    ['/v1/"a"', 'y', 3],
  ] as const) {
    count([route, code], more)
    theirs.inc({ route, code }, more)
  }
  await alike()
})
