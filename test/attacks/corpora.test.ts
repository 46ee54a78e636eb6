import { afterAll, beforeAll, describe, expect } from 'bun:test'
import { account } from '../kit/account.ts'
import { HOST, REFUSALS } from '../kit/attack.ts'
import { withCorpus, withLines } from '../kit/data.ts'
import { type Kit, startGateway } from '../kit/gateway.ts'
import { rawRequest } from '../kit/raw.ts'

const AT_ONCE = 16
const PASSTHROUGH = ['POST /v1/rerank', 'GET /v1/notes/{conversation_id}/lines', 'POST /v1/jobs/:file_id']
const FORWARDED = ['/v1/responses', '/v1/chat/completions', '/v1/rerank']
const WITH_IDS = [
  'GET /v1/responses/|',
  'POST /v1/responses/|/cancel',
  'GET /v1/responses/|/input_items',
  'GET /v1/files/|',
  'DELETE /v1/files/|',
  'GET /v1/files/|/content',
  'GET /v1/notes/|/lines',
  'POST /v1/jobs/|',
]
/** Why JSON is refused that others take: a key twice, too deep, an id that can be nobody's. */
const RULED_OUT = /"a":.*"a":|\[{128}|"id"/s

let [kit, headers] = [undefined as unknown as Kit, {} as Record<string, string>]
/** Bodies that the backend heard, by request. */
const heard = new Map<string, Buffer>()
const backend = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: async request => {
    heard.set(request.headers.get('x-request-id') ?? '', Buffer.from(await request.arrayBuffer()))
    return Response.json({ id: `resp_${crypto.randomUUID()}` })
  },
})

beforeAll(async () => {
  const cloud = backend.url.origin
  const admins = { emails: ['root@example.com'] }
  kit = await startGateway({ upstream: cloud, isSealing: false, cloud, passthrough: PASSTHROUGH, admins })
  headers = await kit.bearer()
  // So that models are looked at.
  const rules = { shut: { public: false } }
  expect((await (await account(kit, ROOT)).ask('PATCH', '/admin/models?force=true', rules)).status).toBe(200)
})
afterAll(async () => {
  await kit.stop()
  await backend.stop(true)
})

/** Acts on each, some at once. */
async function each<T>(all: readonly T[], act: (one: T, at: number) => Promise<void>): Promise<void> {
  const left = all.entries()
  const work = async () => {
    for (const [at, one] of left) await act(one, at)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

/** The status of a body's answer; the body went up as it came where that is 200, and else not at all. */
async function sent(path: string, body: Uint8Array | string, type = 'application/json'): Promise<number> {
  const id = crypto.randomUUID()
  const more = { 'content-type': type, 'x-request-id': id }
  const { status } = await fetch(kit.url + path, { method: 'POST', headers: { ...headers, ...more }, body })
  const went = heard.get(id)
  expect([path, String(body), went]).toEqual([path, String(body), status === 200 ? Buffer.from(body) : undefined])
  return status
}

function isObject(bytes: Uint8Array): boolean {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

withCorpus<object>('json/JSONTestSuite.json', 'any JSON goes up byte for byte, or is a 400', async corpus => {
  const texts = [...JSON.stringify(corpus).matchAll(/"b64":"([^"]+)"/g)].map(([, text = '']) => text)
  let passed = 0
  await each(texts, async (base64, at) => {
    const text = Buffer.from(base64, 'base64')
    for (const body of [text, Buffer.concat([Buffer.from('{"model":"m","x": '), text, Buffer.from('}')])])
      for (const path of [FORWARDED[at % FORWARDED.length] ?? '', '/v1/conversations']) {
        const status = await sent(path, body)
        const isTaken = isObject(body) && !RULED_OUT.test(String(body))
        expect([String(body), status]).toEqual([String(body), isTaken ? 200 : 400])
        if (isTaken) passed++
      }
  })
  expect(passed).toBeGreaterThan(200)
})

withCorpus<string[]>('strings/blns.json', 'any text is a model in a body, and nobody’s id', async texts => {
  await each(texts, async (text, at) => {
    const path = FORWARDED[at % FORWARDED.length] ?? ''
    expect([text, await sent(path, JSON.stringify({ model: text, input: text }))]).toEqual([text, 200])
    const places = [{ x: [{ file_id: text }] }, { conversation: { id: text } }, { previous_response_id: text }]
    expect([text, await sent(path, JSON.stringify(places[(at >> 2) % places.length]))]).toEqual([text, 404])
    const form = `--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n${text}\r\n--b--\r\n`
    expect([text, await sent('/v1/rerank', form, 'multipart/form-data; boundary=b')]).toEqual([text, 200])
  })
})

/** What is answered to these lines, each as it stands and on a connection that is open, but what refuses them. */
async function unrefused(lines: readonly string[]): Promise<readonly string[]> {
  const odd: string[] = []
  const rest = `${HOST}Authorization: ${headers['authorization']}\r\nContent-Length: 0\r\n\r\n`
  const shares = Array.from({ length: AT_ONCE }, (_, share) => lines.filter((_, at) => at % AT_ONCE === share))
  await each(shares, async share => {
    let wire = await rawRequest(kit.url, '')
    const answer = async (line: string) => {
      await wire.send(`${line} HTTP/1.1\r\n${rest}`)
      return (await wire.message().catch(() => ({ head: '' }))).head
    }
    for (const line of share) {
      let head = await answer(line)
      // What was no HTTP before it may have ended the connection, and long ones are slow to read.
      if (head === '' || wire.size > 10_000) {
        wire.reset()
        wire = await rawRequest(kit.url, '')
        head ||= await answer(line)
      }
      if (!REFUSALS.has(Number(head.slice(9, 12)))) odd.push(`${line}: ${head}`)
    }
    wire.reset()
  })
  return odd
}

describe.each(WITH_IDS)('in the path of %s', line => {
  withCorpus<string[]>('strings/blns.json', 'any text is nobody’s id', async texts => {
    const before = heard.size
    const segments = texts.map(text => encodeURIComponent(text.toWellFormed()))
    expect(await unrefused(segments.map(text => line.replace('|', () => text)))).toEqual([])
    expect(heard.size).toBe(before)
  })
})

withLines('path', 'no path leads anywhere else', async all => {
  const before = heard.size
  // A blank one is the page at `/`.
  const lines = all.filter(line => line !== '')
  // Payloads for a file, whose name in braces no path may have.
  const paths = lines.map(line => line.replace(/^\//, '').replace('{FILE}', 'etc/passwd'))
  const plain = [...lines, ...paths.map(path => `/${path}`)].map(path => `GET ${path}`)
  // Each in one of the routes: a path is judged before there is a route.
  const naming = paths.map((path, at) => (WITH_IDS[at % WITH_IDS.length] ?? '').replace('|', () => path))
  expect(await unrefused([...plain, ...naming])).toEqual([])
  expect(heard.size).toBe(before)
})

const ROOT = {
  ...{ provider: 'github', issuer: 'https://github.com', subject: 'root', email: 'root@example.com', isProven: true },
  ...{ name: null, avatarUrl: null, domain: null },
}
