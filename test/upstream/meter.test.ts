import { afterEach, describe, expect, test } from 'bun:test'
import { createTransport } from 'ehbp'
import { array, assert, asyncProperty, nat } from 'fast-check'
import OpenAI from 'openai'
import { type Entry, type StandInOptions, standInEnclave } from '../../src/dev/enclave.ts'
import { INFERENCE } from '../../src/protocol/routes.ts'
import { UPSTREAM_KEY } from '../kit/gateway.ts'
import { type Reply, rawRequest, rawUpstream, requestBytes } from '../kit/raw.ts'
import { split } from '../kit/split.ts'
import { answerBytes, CHAT, chunk, eventually, stages, unchunk } from '../kit/stage.ts'
import { wayOut } from '../kit/way-out.ts'

const { also, clear } = stages()
afterEach(clear)

const METRICS = 'prompt=67,completion=42,total=109,cached_prompt_tokens=60,model=gpt-oss-120b,cost_usd=0.0000315'
const STATED = {
  model: 'gpt-oss-120b',
  prompt: 67,
  completion: 42,
  cached: 60,
  cost: '0.000031500000',
  estimated: false,
}
const USAGE = { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 }
const READ = { model: 'm', prompt: 9, completion: 4, cached: 0, cost: undefined, estimated: false }
const JSON_ANSWER = JSON.stringify({ model: 'm', choices: [], usage: USAGE })
const EVENTS = [{ choices: [1] }, { choices: [2], usage: null }, { model: 'm', choices: [], usage: USAGE }, '[DONE]']
  .map(event => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`)
  .join('')
const NONCE = { 'Ehbp-Response-Nonce': 'ab'.repeat(32) }

/** The way out in front of an upstream that replies so. */
async function before(reply: Reply) {
  const upstream = also(await rawUpstream(reply))
  const out = also(wayOut(upstream.url))
  const ask = (line = CHAT) => rawRequest(out.url, requestBytes(line, { 'Content-Length': '2' }, '{}'))
  return { out, ask, upstream }
}

/** What is known of an answer once it has passed, and what the client saw of it. */
async function metered(reply: Reply, line = CHAT) {
  const { out, ask } = await before(reply)
  const client = await ask(line)
  const { usage, events } = await out.ended()
  return { usage, events, client }
}

function stream(headers: Record<string, string>, body: string, trailer = ''): string {
  const lines = Object.entries({ 'Content-Type': 'text/event-stream', 'Transfer-Encoding': 'chunked', ...headers })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return `HTTP/1.1 200 OK\r\n${head}\r\n${chunk(body)}0\r\n${trailer && `X-Tinfoil-Usage-Metrics: ${trailer}\r\n`}\r\n`
}

const json = (headers: Record<string, string> = {}, body = JSON_ANSWER) =>
  answerBytes('200 OK', { 'Content-Type': 'application/json', ...headers }, body)

describe('what an answer cost is known', () => {
  const frames = `\0\0\0\x05hello\0\0\0\0\0\0\0\x03abc`
  const told: [string, Reply, object][] = [
    ['by its header', json({ 'X-Tinfoil-Usage-Metrics': METRICS }), { usage: STATED, events: 0 }],
    ['by its header, sealed', json({ ...NONCE, 'X-Tinfoil-Usage-Metrics': METRICS }, frames), { usage: STATED }],
    ['by the header of a refusal', answerBytes('500 Oops', { 'X-Tinfoil-Usage-Metrics': METRICS }), { usage: STATED }],
    ['by its trailer', stream({ Trailer: 'x-tinfoil-usage-metrics' }, EVENTS, METRICS), { usage: STATED, events: 4 }],
    ['by its trailer, sealed', stream(NONCE, frames, METRICS), { usage: STATED, events: 2 }],
    ['by a trailer that nobody announced', stream({}, EVENTS, METRICS), { usage: STATED, events: 4 }],
    [
      'by its trailer, compressed',
      stream({ 'Content-Encoding': 'gzip' }, EVENTS, METRICS),
      { usage: STATED, events: 0 },
    ],
    ['by its JSON', json(), { usage: READ, events: 0 }],
    ['by its JSON, with a charset', json({ 'Content-Type': 'Application/JSON; charset=utf-8' }), { usage: READ }],
    ['by its JSON, if the header is garbage', json({ 'X-Tinfoil-Usage-Metrics': 'prompt=NaN' }), { usage: READ }],
    ['by its last event', stream({}, EVENTS), { usage: READ, events: 4 }],
    ['by its last event, if the trailer is garbage', stream({}, EVENTS, 'total=-1,,=;'), { usage: READ, events: 4 }],
  ]
  test.each(told)('%s', async (_, reply, known) => {
    expect(await metered(reply)).toMatchObject(known)
  })

  const unknown: [string, Reply, number][] = [
    ['a compressed body', json({ 'Content-Encoding': 'gzip' }), 0],
    ['a refusal', answerBytes('400 Bad Request', { 'Content-Type': 'application/json' }, JSON_ANSWER), 0],
    ['a text', json({ 'Content-Type': 'text/plain' }), 0],
    ['JSON that is none', json({}, `${JSON_ANSWER}}`), 0],
    ['JSON of more than a megabyte', json({}, JSON_ANSWER + ' '.repeat(1024 * 1024)), 0],
    ['a sealed body, whatever its bytes are', json(NONCE), 0],
    [
      'a stream whose trailer was promised and is garbage',
      stream({ Trailer: 'a, X-Tinfoil-Usage-Metrics' }, EVENTS, '='),
      4,
    ],
  ]
  test.each(unknown)('not by %s', async (_, reply, events) => {
    const { usage, ...rest } = await metered(reply)
    expect(usage).toBeUndefined()
    expect(rest.events).toBe(events)
  })

  test.each([
    ['by its header', json({ 'X-Tinfoil-Usage-Metrics': METRICS }), STATED, STATED],
    ['by its trailer', stream({}, EVENTS, METRICS), STATED, STATED],
    ['by its body, where answers cost tokens', json(), READ, undefined],
  ] as const)('on every route %s', async (_, reply, metered, others) => {
    const { out, ask } = await before(reply)
    for (const route of INFERENCE.filter(({ method }) => method === 'POST')) {
      await (await ask(`POST ${route.path}`)).message()
      expect([route.path, (await out.ended()).usage]).toEqual([route.path, 'metered' in route ? metered : others])
    }
  })
})

test('an answer is the same byte for byte, and so is its usage, wherever its bytes are split', async () => {
  let pieces: Buffer[] = []
  const { out, ask } = await before(async wire => {
    for (;;) {
      await wire.message()
      await wire.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n')
      for (const piece of pieces) {
        if (piece.length > 0) await wire.send(chunk(piece.toString('latin1')))
        await Bun.sleep(0)
      }
      await wire.send('0\r\n\r\n')
    }
  })
  await assert(
    asyncProperty(array(nat(), { maxLength: 12 }), async cuts => {
      pieces = split(Buffer.from(EVENTS), cuts)
      const { head, body } = await (await ask()).message()
      expect(/transfer-encoding/i.test(head) ? unchunk(body) : { text: body, whole: true }).toEqual({
        text: EVENTS,
        whole: true,
      })
      expect(await out.ended()).toMatchObject({ usage: READ, events: 4 })
    }),
    { numRuns: 40 },
  )
})

describe('of what is stated, the client sees nothing', () => {
  test.each([
    ['in a header', json({ 'X-Tinfoil-Usage-Metrics': METRICS })],
    ['in a trailer', stream({ Trailer: 'x-tinfoil-usage-metrics' }, EVENTS, METRICS)],
    [
      'in a trailer of a sealed answer',
      stream({ ...NONCE, Trailer: 'X-Tinfoil-Usage-Metrics' }, '\0\0\0\x01a', METRICS),
    ],
  ])('%s', async (_, reply) => {
    const { client, usage } = await metered(reply)
    await client.message()
    await Bun.sleep(20)
    expect(usage).toEqual(STATED)
    expect(client.text.toLowerCase()).not.toMatch(/usage-metrics|trailer|prompt=/)
    expect(client.text).not.toContain('gpt-oss-120b')
  })
})

describe('of a stream that was cut', () => {
  const begun = (body: string, headers = '') =>
    `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n${headers}\r\n${chunk(body)}`

  test.each<[string, string, object]>([
    ['what was stated counts', begun(EVENTS), { usage: READ, events: 4 }],
    ['the events count', begun('data: 1\n\ndata: 2\n\nda'), { usage: undefined, events: 2 }],
    [
      'the frames count',
      begun('\0\0\0\x01a\0\0\0\x01b\0\0\0\x01', `Ehbp-Response-Nonce: ${'ab'.repeat(32)}\r\n`),
      { usage: undefined, events: 2 },
    ],
  ])('%s, by client or upstream', async (_, bytes, known) => {
    for (const cut of ['client', 'upstream']) {
      const { out, ask, upstream } = await before(async wire => {
        await wire.message()
        await wire.send(bytes)
      })
      const client = await ask()
      await eventually(() => unchunk(client.text.split('\r\n\r\n').slice(1).join('\r\n\r\n')).text.length > 3)
      if (cut === 'client') client.reset()
      else (await upstream.first()).reset()
      expect(await out.ended()).toMatchObject(known)
    }
  })
})

describe('in front of the stand-in enclave', () => {
  const chat = { model: 'gpt/any-1', messages: [{ role: 'user' as const, content: 'Good morning to you' }] }

  async function chain(options: Partial<StandInOptions> = {}) {
    const books: Entry[] = []
    const entered = (entry: Entry) => books.push(entry)
    const enclave = also(await standInEnclave({ key: UPSTREAM_KEY, pace: 0, entered, ...options }))
    const out = also(wayOut(enclave.url))
    const openai = new OpenAI({ baseURL: `${out.url}/v1`, apiKey: 'any', maxRetries: 0 })
    /** What both sides hold of the next answer to end. */
    const both = async () => {
      const { id, usage, events } = await out.ended()
      const entry = await eventually(() => books.find(({ request }) => request === id), 'an entry')
      return { usage, events, entry }
    }
    return { out, openai, both }
  }

  const inBooks = ({ model, prompt, completion, cached, cost }: Entry) => {
    return { model, prompt, completion, cached, cost, estimated: false }
  }

  test.each([false, true])("a sealed answer's cost equals the enclave's books (streamed: %p)", async streamed => {
    const { out, both } = await chain()
    const transport = await createTransport(out.url)
    const init = { headers: { 'content-type': 'application/json' } }
    const body = JSON.stringify({ ...chat, stream: streamed })
    const answer = await transport.post(`${out.url}/v1/chat/completions`, body, init)
    expect(await answer.text()).toContain('choices')
    const { usage, events, entry } = await both()
    expect(entry).toMatchObject({ stated: true, cut: false, model: 'gpt/any-1', prompt: 4, cached: 2 })
    expect(usage).toEqual(inBooks(entry))
    // The role and the finish have an event each, and so has [DONE].
    expect(events).toBe(streamed ? entry.completion + 3 : 0)
  })

  test("an open answer's cost equals the enclave's books, through OpenAI's client", async () => {
    const { openai, both } = await chain()
    await openai.chat.completions.create(chat)
    const whole = await both()
    expect(whole.usage).toEqual(inBooks(whole.entry))
    for (const include_usage of [false, true]) {
      const chunks = await openai.chat.completions.create({ ...chat, stream: true, stream_options: { include_usage } })
      let seen = 0
      for await (const _ of chunks) seen++
      const { usage, events, entry } = await both()
      expect(usage).toEqual(inBooks(entry))
      expect(events).toBe(seen + 1)
    }
  })

  test.each(['open', 'sealed'])('of an %s stream that its client leaves, events are known and no cost', async how => {
    const { out, both } = await chain({ pace: 5 })
    const leaving = new AbortController()
    const body = JSON.stringify({ ...chat, stream: true, messages: [{ role: 'user', content: 'word '.repeat(500) }] })
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, signal: leaving.signal, body }
    const url = `${out.url}/v1/chat/completions`
    const answer = await (how === 'open' ? fetch(url, init) : (await createTransport(out.url)).request(url, init))
    const reader = answer.body!.getReader()
    for (let pieces = 0; pieces < 4; pieces++) await reader.read()
    leaving.abort()
    await reader.cancel().catch(() => undefined)
    const { usage, events, entry } = await both()
    expect(usage).toBeUndefined()
    expect(events).toBeGreaterThanOrEqual(4)
    expect(entry).toMatchObject({ stated: false, cut: true })
    expect(entry.completion).toBeLessThan(500)
  })
})
