import { afterAll, expect, test } from 'bun:test'
import { metrics } from '../../src/metrics/metrics.ts'
import { Exchange } from '../../src/protocol/exchange.ts'
import { requestIdFrom } from '../../src/protocol/ids.ts'
import { sums } from '../../src/workers/sums.ts'

const alive: { stop(): void }[] = []
afterAll(() => {
  for (const counted of alive) counted.stop()
})

/** One that counts, begun at a time and with keys of an age. */
function counting(beganAt: number, keysAge: number) {
  const facts = { version: '1', commit: 'c', tee: 'none', engine: 'sqlite', backends: ['tinfoil'] } as const
  const counted = metrics({ ...facts, keysAgeMs: () => keysAge, now: () => beganAt })
  alive.push(counted)
  const serve = (times: number) => {
    for (let at = 0; at < times; at++) {
      counted.meters.began()
      counted.meters.limited('requests', true)
      const exchange = new Exchange(requestIdFrom(null), 0)
      counted.meters.ended(exchange, { status: 200, ending: 'complete', bytes: 0, firstByteAt: undefined })
    }
  }
  return { process: counted, meters: counted.meters, serve, seen: async () => [counted, await counted.json()] as const }
}

const valueIn = (text: string, name: string) => Number(new RegExp(`^${name}(\\{.*\\})? (.+)$`, 'm').exec(text)?.[2])
const requests = (text: string) =>
  [...text.matchAll(/^http_server_request_duration_seconds_count\{.*\} (\d+)$/gm)].reduce(
    (sum, [, n]) => sum + +`${n}`,
    0,
  )

test('counters and histograms are added up, and gauges as each says', async () => {
  const [one, other] = [counting(2000, 9000), counting(1000, Number.POSITIVE_INFINITY)]
  one.serve(3)
  other.serve(4)
  other.meters.began()
  const text = await sums().text(new Map([await one.seen(), await other.seen()]))
  expect(requests(text)).toBe(7)
  expect(text).toContain('sealgate_limiter_decisions_total{limit="requests",decision="allowed"} 7\n')
  expect(text).toContain('sealgate_build_info{version="1",commit="c",tee="none"} 1\n')
  expect(valueIn(text, 'http_server_active_requests')).toBe(1)
  expect(valueIn(text, 'process_start_time_seconds')).toBe(1)
  expect(text).toContain('\nsealgate_jwks_age_seconds +Inf\n')
})

test('what one that died had counted goes on to count, and what it had open does not', async () => {
  const [one, other] = [counting(1000, 0), counting(1000, 0)]
  one.serve(3)
  one.meters.began()
  other.serve(4)
  const sum = sums()
  expect(valueIn(await sum.text(new Map([await one.seen(), await other.seen()])), 'http_server_active_requests')).toBe(
    1,
  )
  sum.bury(one.process)
  const next = counting(1000, 0)
  next.serve(2)
  sum.bury(next.process)
  const text = await sum.text(new Map([await other.seen()]))
  expect([requests(text), valueIn(text, 'http_server_active_requests')]).toEqual([7, 0])
})

test('one that does not answer counts as it did before', async () => {
  const [one, other] = [counting(1000, 0), counting(1000, 0)]
  one.serve(3)
  other.serve(4)
  const sum = sums()
  await sum.text(new Map([await one.seen(), await other.seen()]))
  other.serve(1)
  expect(requests(await sum.text(new Map([[one.process, []], await other.seen()])))).toBe(8)
})

test('one that died while others were asked is counted once', async () => {
  const [one, other] = [counting(1000, 0), counting(1000, 0)]
  one.serve(3)
  const sum = sums()
  const seen = new Map([await one.seen(), await other.seen()])
  await sum.text(seen)
  sum.bury(one.process)
  expect(requests(await sum.text(seen))).toBe(3)
})
