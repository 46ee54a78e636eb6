import { afterEach, expect, test } from 'bun:test'
import http from 'node:http'
import { type StandInOptions, standInEnclave } from '../../src/dev/enclave.ts'
import { type Kit, startGateway, UPSTREAM_KEY } from '../kit/gateway.ts'

const started: { stop(): Promise<void> }[] = []

afterEach(async () => {
  for (const part of started.splice(0).reverse()) await part.stop()
})

async function chain(options: Partial<StandInOptions>): Promise<Kit> {
  const enclave = await standInEnclave({ key: UPSTREAM_KEY, ...options })
  started.push(enclave)
  const gateway = await startGateway({ upstream: enclave.url })
  started.push(gateway)
  return gateway
}

const body = JSON.stringify({ model: 'any', stream: true, messages: [{ role: 'user', content: 'Hello' }] })

async function asking(gateway: Kit): Promise<RequestInit> {
  return { method: 'POST', headers: { ...(await gateway.bearer()), 'content-type': 'application/json' }, body }
}

/** A pause that lasts until it is let go. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { sleep: () => promise, open: resolve }
}

test('the first event reaches the client before the enclave has made its second', async () => {
  const pause = gate()
  const gateway = await chain({ sleep: pause.sleep })
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, await asking(gateway))
  const reader = answer.body!.getReader()
  const first = Buffer.from((await reader.read()).value ?? []).toString()
  expect(first).toContain('"role":"assistant"')
  expect(first).not.toContain('Stand-in')
  pause.open()
  let rest = ''
  for (let next = await reader.read(); !next.done; next = await reader.read())
    rest += Buffer.from(next.value).toString()
  expect(rest).toEndWith('data: [DONE]\n\n')
})

test('fifteen seconds of silence in mid-stream are survived', async () => {
  const pauses: number[] = []
  const gateway = await chain({
    sleep: () => {
      pauses.push(0)
      return Bun.sleep(pauses.length === 1 ? 15_000 : 0)
    },
  })
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, await asking(gateway))
  expect(await answer.text()).toEndWith('data: [DONE]\n\n')
}, 60_000)

test('a thousand streams at once all get their first byte', async () => {
  const pause = gate()
  const gateway = await chain({ sleep: pause.sleep })
  const streams = await openStreams(gateway, 1000)
  await Promise.all(streams.map(stream => stream.firstByte))
  pause.open()
  const ends = await Promise.all(streams.map(stream => stream.end))
  expect(ends.filter(text => text.endsWith('data: [DONE]\n\n'))).toHaveLength(1000)
}, 60_000)

test('a thousand clients that leave in mid-body leave a living gateway and no stream at the enclave', async () => {
  let left = 0
  const enclave = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    fetch: () =>
      new Response(
        new ReadableStream({
          start: controller => controller.enqueue(Buffer.from('data: 1\n\n')),
          cancel: () => {
            left++
          },
        }),
        { headers: { 'content-type': 'text/event-stream' } },
      ),
  })
  started.push({ stop: () => enclave.stop(true) })
  const gateway = await startGateway({ upstream: enclave.url.origin })
  started.push(gateway)
  const streams = await openStreams(gateway, 1000)
  await Promise.all(streams.map(stream => stream.firstByte))
  for (const stream of streams) stream.leave()
  for (const until = Date.now() + 15_000; left < 1000 && Date.now() < until; ) await Bun.sleep(20)
  expect(left).toBe(1000)
  expect(enclave.pendingRequests).toBe(0)
  expect((await fetch(`${gateway.url}/health`)).status).toBe(200)
  expect(gateway.lines.filter(line => line.includes('"ending":"cancelled"'))).toHaveLength(1000)
}, 60_000)

interface OpenStream {
  readonly firstByte: Promise<void>
  readonly end: Promise<string>
  leave(): void
}

// node:http and not fetch: fetch lets a process have 256 requests at once.
async function openStreams(gateway: Kit, count: number): Promise<OpenStream[]> {
  const headers = { ...(await gateway.bearer()), 'content-type': 'application/json' }
  const agent = new http.Agent({ maxSockets: count })
  return Array.from({ length: count }, () => {
    const firstByte = Promise.withResolvers<void>()
    const end = Promise.withResolvers<string>()
    const request = http.request(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, agent }, response => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        firstByte.resolve()
      })
      response.on('end', () => end.resolve(text))
      response.on('error', () => end.resolve('left'))
    })
    request.on('error', firstByte.reject)
    request.end(body)
    return { firstByte: firstByte.promise, end: end.promise, leave: () => request.destroy() }
  })
}
