import { claim, type Figure, type Gateway } from './kit/claim.ts'
import { connectionsTo, descriptorsOf, memoryOf } from './kit/process.ts'
import { ask, becomes, upstream, type Wire } from './kit/wire.ts'

const STREAMS = 1000
const FIRST = 'data: first\n\n'
const LAST = 'data: [DONE]\n\n'
// A client that leaves stops the upstream within a second; the idle pool closes after thirty.
const GONE_MS = 1000
const POOL_MS = 40_000
const LIMIT_KB = 100

await claim(
  {
    name: 'thousand-streams',
    says: `${STREAMS} streams at once all begin and all end, and ${STREAMS} clients that leave leave nothing behind`,
    withinSeconds: 120,
  },
  async ground => {
    const behind = ground.also(await gated())
    const gateway = await ground.gateway(behind.url)
    const headers = await ground.bearer()
    for (let warm = 0; warm < 20; warm++) await (await open(gateway, headers)).leave()
    await becomes(() => connectionsTo(behind.port, gateway.pid) === 0, POOL_MS)
    const descriptors = descriptorsOf(gateway.pid)
    return [
      ...(await wholeStreams(gateway, headers, behind)),
      ...(await leavers(gateway, headers, behind.port)),
      await back(gateway, behind.port, descriptors),
    ]
  },
)

/** An upstream that sends the first event at once and the last when told. */
async function gated() {
  let gate = Promise.withResolvers<void>()
  const server = await upstream(async wire => {
    for (;;) {
      await wire.head()
      await wire.send(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n`)
      await wire.send(chunk(FIRST))
      await Promise.race([gate.promise, wire.closed])
      await wire.send(`${chunk(LAST)}0\r\n\r\n`)
    }
  })
  return {
    ...server,
    /** Lets all open streams end. */
    end: () => {
      gate.resolve()
      gate = Promise.withResolvers()
    },
  }
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`
}

async function open({ url }: Gateway, headers: Record<string, string>): Promise<Wire & { text(): string }> {
  const wire = await ask(url, 'POST /v1/chat/completions', { ...headers, 'content-length': '2' }, '{}')
  let text = ''
  await wire.head()
  wire.onBody(bytes => {
    text += bytes.toString('latin1')
  })
  await wire.when(() => text.includes(FIRST))
  if (!text.includes(FIRST)) throw new Error('a stream ended before its first event')
  return Object.assign(wire, { text: () => text })
}

function openAll(gateway: Gateway, headers: Record<string, string>) {
  return Promise.all(Array.from({ length: STREAMS }, () => open(gateway, headers)))
}

async function wholeStreams(
  gateway: Gateway,
  headers: Record<string, string>,
  behind: { end(): void },
): Promise<Figure[]> {
  const before = memoryOf(gateway.pid)
  const began = performance.now()
  const streams = await openAll(gateway, headers)
  const took = performance.now() - began
  const each = (memoryOf(gateway.pid) - before) / STREAMS / 1024
  behind.end()
  await Promise.all(streams.map(stream => stream.when(() => stream.text().endsWith('\r\n0\r\n\r\n'))))
  const whole = streams.filter(stream => stream.text() === `${chunk(FIRST)}${chunk(LAST)}0\r\n\r\n`).length
  for (const stream of streams) stream.leave()
  return [
    { what: 'streams with a first event:', is: `${streams.length} after ${took.toFixed(0)} ms`, holds: true },
    {
      what: 'memory for each open stream:',
      is: `${each.toFixed(0)} KB (limit ${LIMIT_KB} KB)`,
      holds: each < LIMIT_KB,
    },
    { what: 'streams that ended whole:', is: `${whole} of ${STREAMS}`, holds: whole === STREAMS },
  ]
}

async function leavers(gateway: Gateway, headers: Record<string, string>, port: number): Promise<Figure[]> {
  const streams = await openAll(gateway, headers)
  const pooled = connectionsTo(port, gateway.pid) - STREAMS
  for (const stream of streams) stream.leave()
  const ms = await becomes(() => connectionsTo(port, gateway.pid) <= pooled, GONE_MS)
  const alive = (await fetch(`${gateway.url}/health`)).status === 200
  return [
    {
      what: 'upstream connections of clients that left:',
      is:
        ms === undefined
          ? `${connectionsTo(port, gateway.pid)} after ${GONE_MS} ms (limit 0)`
          : `0 after ${ms.toFixed(0)} ms (limit ${GONE_MS} ms)`,
      // Fewer than one connection a stream before would mean that they were not counted.
      holds: ms !== undefined && alive && pooled >= 0,
    },
  ]
}

async function back({ pid }: Gateway, port: number, before: number): Promise<Figure> {
  const ms = await becomes(() => connectionsTo(port, pid) === 0 && descriptorsOf(pid) <= before, POOL_MS)
  const now = `${descriptorsOf(pid)} (before: ${before}), ${connectionsTo(port, pid)} upstream connections`
  return { what: 'descriptors in the end:', is: now, holds: ms !== undefined }
}
