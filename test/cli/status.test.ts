import { afterEach, expect, test } from 'bun:test'
import { status } from '../../src/cli/status.ts'
import { metrics } from '../../src/metrics/metrics.ts'
import { Exchange, type Route } from '../../src/protocol/exchange.ts'
import { requestIdFrom } from '../../src/protocol/ids.ts'
import { clockAt } from '../kit/clock.ts'

const ends: (() => unknown)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

/** What is told of an address at which this is served, with a clock that a pause moves. */
async function told(
  serve: () => Response | Promise<Response>,
  clock = clockAt(),
  meanwhile = () => undefined as unknown,
) {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: serve })
  ends.push(() => server.stop(true))
  const { said, printed, deps } = hearing()
  const code = await status({
    ...deps,
    at: { host: '0.0.0.0', port: server.port ?? 0 },
    now: clock.now,
    pause: async ms => {
      meanwhile()
      clock.pass(ms)
    },
  })
  return { code, said, printed: printed.join(''), url: `${server.url.origin}/metrics` }
}

function hearing() {
  const [said, printed]: [string[], string[]] = [[], []]
  const deps = { print: (text: string) => printed.push(text), say: (line: string) => said.push(line) }
  return { said, printed, deps: { ...deps, now: Date.now, pause: async () => undefined } }
}

test('one screen tells how a gateway fares', async () => {
  const clock = clockAt()
  const counted = metrics({
    ...{ version: '1.2.3', commit: 'abc', tee: 'dstack', engine: 'sqlite', backends: ['tinfoil'], now: clock.now },
    keysAgeMs: () => 61_000,
  })
  ends.push(counted.stop)
  const { meters } = counted
  const live = (ms: number, code?: 'upstream_timeout' | 'token_expired') => {
    const exchange = new Exchange(requestIdFrom(null), clock.now() - ms)
    Object.assign(exchange, { route: '/v1/chat/completions' as Route, backend: 'tinfoil', reached: true, code })
    meters.began()
    const status = code === undefined ? 200 : code === 'token_expired' ? 401 : 504
    meters.ended(exchange, { status, ending: status === 504 ? 'failed' : 'complete', bytes: 1, firstByteAt: undefined })
    meters.used(exchange, { model: undefined, prompt: 10, completion: 5, cached: 0, cost: undefined, estimated: true })
  }
  for (let count = 0; count < 98; count++) live(60)
  live(60, 'token_expired')
  live(20_000, 'upstream_timeout')
  meters.began()
  meters.streams()
  meters.cooled('tinfoil')
  meters.asked(0.0001, true)
  meters.asked(7, false)
  clock.pass(93_600_000)
  const { code, printed } = await told(
    async () => new Response(await counted.text()),
    clock,
    () => live(60),
  )
  expect(code).toBe(0)
  const lines = Object.fromEntries(printed.split('\n').map(line => [line.slice(0, 12).trim(), line.slice(12)]))
  expect(lines).toMatchObject({
    sealgate: '1.2.3 (commit abc), up 1 d 2 h, TEE: dstack',
    open: '1 streams, 1 requests',
    requests: '1.0/s now, 101 in all: 1 failed (5xx), 1 refused (4xx)',
    whole: 'p50 63 ms, p99 75 ms',
    'first byte': 'p50 –, p99 –',
    tokens: '1010 input (10.0/s now), 505 output (5.0/s now)',
    problems: 'token_expired 1, upstream_timeout 1',
    tinfoil: '101 requests, 1 broken off, cooled 1 times, errors: upstream_timeout 1',
    database: 'sqlite, p50 0.1 ms, p99 9.9 s, 1 failed',
  })
  expect(lines['process']).toMatch(/^\d+ MB, event loop late by p99 \S+.*, signing keys: 1 min 1 s old$/)
  for (const line of printed.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
})

test('where nobody answers, or somebody else, it says so', async () => {
  const { said, deps } = hearing()
  expect(await status({ ...deps, at: { host: '127.0.0.1', port: 1 } })).toBe(1)
  expect(said[0]).toBe(
    'http://127.0.0.1:1/metrics did not answer: is the gateway running, METRICS_ADDR the same as its own, and no other program there?',
  )
  const missing = await told(() => new Response(null, { status: 404 }))
  expect([missing.code, missing.printed, missing.said[0]?.startsWith(`${missing.url} answered 404:`)]).toEqual([
    1,
    '',
    true,
  ])
  const other = await told(() => new Response('up 1\n'))
  expect([other.code, other.printed]).toEqual([1, ''])
  expect(other.said).toEqual([`${other.url} is not a gateway's: is METRICS_ADDR the same as its own?`])
})

test('what never ends is not read to its end, and what is packed not unpacked', async () => {
  const piece = new Uint8Array(2 ** 20)
  let pieces = 0
  const endless = await told(() => {
    const pull = (stream: ReadableStreamDefaultController<Uint8Array>) => {
      pieces++
      stream.enqueue(piece)
    }
    return new Response(new ReadableStream({ pull }))
  })
  expect(endless.said[0]).toStartWith(`${endless.url} answered no metrics:`)
  expect(pieces).toBeLessThan(100)
  const packed = Bun.gzipSync('sealgate_build_info{version="1.2.3"} 1\n')
  const zipped = await told(() => new Response(packed, { headers: { 'content-encoding': 'gzip' } }))
  expect(zipped.said).toEqual([`${zipped.url} is not a gateway's: is METRICS_ADDR the same as its own?`])
})

test('where metrics are off it says that they are', async () => {
  const { said, deps } = hearing()
  expect(await status({ ...deps, at: 'off' })).toBe(1)
  expect(said[0]).toContain('METRICS_ADDR is off')
})
