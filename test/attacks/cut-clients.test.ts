import { afterAll, describe, expect, test } from 'bun:test'
import { startGateway } from '../kit/gateway.ts'
import { type Reply, rawRequest, rawUpstream, requestBytes, type Wire } from '../kit/raw.ts'
import { answerBytes, CHUNKED, chunk, eventually } from '../kit/stage.ts'

const running: { stop(): Promise<void> }[] = []
afterAll(async () => {
  for (const part of running) await part.stop()
})

const FORM = { 'Content-Type': 'multipart/form-data; boundary=x' }
const EVENTS = CHUNKED.replace('\r\n', '\r\nContent-Type: text/event-stream\r\n')
const made = (id: string) => answerBytes('201 Created', { 'Content-Type': 'application/json' }, `{"id":"${id}"}`)

/** A backend that makes `file-1`, and does the same as this with whatever it hears after that. */
const then =
  (next: (wire: Wire) => unknown): Reply =>
  async wire => {
    await wire.message()
    await wire.send(made('file-1'))
    await wire.until(text => text.split(' HTTP/1.1\r\n').length > 2)
    await next(wire)
  }
const says =
  (head: string, text: string): ((wire: Wire) => unknown) =>
  async wire => {
    await wire.message()
    await wire.send(head + chunk(text))
  }
const floods = async (wire: Wire) => {
  await wire.message()
  await wire.send(CHUNKED)
  while (wire.ended === 'open') await wire.send(chunk('flood'.repeat(20_000)))
}

interface Cut {
  readonly line: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly next: (wire: Wire) => unknown
  /** Whether the backend reads nothing: it does not see the gateway leave, and behind its body no client can be seen to end. */
  readonly isDeaf?: true
  /** Resolves when there is something to cut. */
  readonly begun: (client: Wire, upstream: Wire) => Promise<unknown>
}

const CUTS: Readonly<Record<string, Cut>> = {
  'an upload': {
    ...{ line: 'POST /v1/files', headers: { ...FORM, 'Content-Length': '100000' }, body: 'some' },
    ...{ next: () => undefined, begun: (_, upstream) => upstream.seen('some') },
  },
  'an upload that is not read': {
    ...{ line: 'POST /v1/files', headers: { ...FORM, 'Content-Length': '100000000' }, body: 'x'.repeat(200_000) },
    isDeaf: true,
    next: wire => wire.pause(),
    begun: async (client, upstream) => {
      await upstream.until(text => text.includes('xxx'))
      void client.send('x'.repeat(20_000_000))
      await Bun.sleep(50)
    },
  },
  'a download': {
    ...{ line: 'GET /v1/files/file-1/content', next: says(CHUNKED, 'first') },
    begun: client => client.seen('first'),
  },
  'a download that is not read': {
    ...{ line: 'GET /v1/files/file-1/content', next: floods },
    begun: async client => {
      await client.seen('flood')
      client.pause()
      await Bun.sleep(50)
    },
  },
  'a response that streams': {
    ...{ line: 'POST /v1/responses', headers: { 'Content-Length': '2' }, body: '{}' },
    next: says(EVENTS, 'data: {"response":{"id":"resp_1"}}\n\n'),
    begun: client => client.seen('resp_1'),
  },
}

const WAYS = ['fin', 'reset'] as const

describe.each(Object.entries(CUTS))(
  'a client that leaves amid %s',
  (_, { line, headers, body, next, begun, isDeaf }) => {
    test.each(isDeaf ? WAYS.slice(1) : WAYS)('by %s frees the backend within a second', async how => {
      const upstream = await rawUpstream(then(next))
      const kit = await startGateway({ upstream: upstream.url, isSealing: false, cloud: upstream.url })
      running.push(kit, upstream)
      const ask = async (line: string, headers = {}, body = '') =>
        rawRequest(kit.url, requestBytes(line, { ...(await kit.bearer()), ...headers }, body))
      await (await ask('POST /v1/files', { ...FORM, 'Content-Length': '5' }, '--x--')).message()
      const client = await ask(line, headers, body)
      const wire = await upstream.first()
      await begun(client, wire)
      const left = performance.now()
      client[how]()
      await (isDeaf ? eventually(() => kit.lines.some(line => line.includes('client_gone'))) : wire.gone())
      expect(performance.now() - left).toBeLessThan(1000)
    })
  },
)
