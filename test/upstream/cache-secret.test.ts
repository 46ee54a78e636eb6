import { afterEach, describe, expect, test } from 'bun:test'
import OpenAI from 'openai'
import { answerBytes, CHAT, chunk, eventually, type Stage, stages } from '../kit/stage.ts'

const { set, clear } = stages()
afterEach(clear)

const OK = answerBytes('200 OK', { 'Content-Type': 'application/json' }, '{"ok":true}')
const IN_CHUNKS = { 'Transfer-Encoding': 'chunked' }
const MEMBER = /"user_cache_secret":"([0-9a-f]{64})",?/
const MAX = 1000

/** What the upstream heard last, once the body is whole by the length that its head tells. */
async function heard({ upstream }: Stage): Promise<{ head: string; body: string }> {
  const text = await eventually(() => {
    const { text = '' } = upstream.wires.at(-1) ?? {}
    const [head = '', body = ''] = text.split(/\r\n\r\n(.*)/s)
    return body.length === Number(/content-length: (\d+)/i.exec(head)?.[1]) && text
  }, 'the whole request')
  const [head = '', body = ''] = text.split(/\r\n\r\n(.*)/s)
  return { head, body }
}

/** The status and code of an answer, and that nobody upstream heard of it. */
async function refused({ upstream }: Stage, answer: { head: string; body: string }): Promise<string> {
  expect(upstream.wires).toEqual([])
  return `${answer.head.split(' ')[1]} ${JSON.parse(answer.body).error.code}`
}

describe('an open prompt', () => {
  test('of npm openai goes up with its caller’s secret, and is else what it was, byte for byte', async () => {
    const stage = await set(OK)
    const { authorization } = await stage.kit.bearer()
    const sent: string[] = []
    const openai = new OpenAI({
      baseURL: `${stage.kit.url}/v1`,
      apiKey: authorization.slice('Bearer '.length),
      fetch: (url, init) => {
        sent.push(String(init?.body))
        return fetch(url, init)
      },
    })
    const messages = [{ role: 'user' as const, content: 'Grüße, 中 😀 "\\' }]
    expect(await openai.chat.completions.create({ model: 'm', messages })).toMatchObject({ ok: true })
    const { body } = await heard(stage)
    expect(Buffer.from(body.replace(MEMBER, ''), 'latin1').toString()).toBe(sent[0] ?? '')
  })

  test.each(['/v1/chat/completions', '/v1/responses', '/v1/completions'])('to %s gets it', async path => {
    const stage = await set(OK)
    const json = '{ "n":1e999, "a":[ ]}\n'
    await (await stage.ask(`POST ${path}`, { 'Content-Length': String(json.length) }, json)).message()
    const { body } = await heard(stage)
    expect(body).toMatch(MEMBER)
    expect(body.replace(MEMBER, '')).toBe(json)
  })

  test('gets another for another caller', async () => {
    const stage = await set(OK)
    const secrets: (string | undefined)[] = []
    for (const subject of ['ada', 'bob', 'ada']) {
      await stage.post('{}', { headers: await stage.kit.bearer(subject) })
      secrets.push(MEMBER.exec((await heard(stage)).body)?.[1])
      for (const wire of stage.upstream.wires) wire.fin()
    }
    expect(new Set(secrets).size).toBe(2)
    expect(secrets[2]).toBe(secrets[0])
  })

  test.each(['""', 'null', '"mine"', '{"a":[]}'])('that has one of its own, %s, goes up as it came', async own => {
    const stage = await set(OK)
    const json = ` {"a":1 , "user_cache_\\u0073ecret" : ${own}}\r\n`
    await stage.post(json)
    expect((await heard(stage)).body).toBe(json)
  })

  test('in chunks goes up whole, with its length', async () => {
    const stage = await set(OK)
    const client = await stage.ask(CHAT, IN_CHUNKS)
    for (const part of ['{"a"', ':1', '}']) await client.send(chunk(part))
    expect(stage.upstream.wires).toEqual([])
    await client.send('0\r\n\r\n')
    await client.message()
    const { head, body } = await heard(stage)
    expect(body.replace(MEMBER, '')).toBe('{"a":1}')
    expect(head.toLowerCase()).not.toContain('transfer-encoding')
  })

  test('of several megabytes goes up unharmed, however it is framed', async () => {
    const stage = await set(OK)
    const parts = Array.from({ length: 40 }, (_, i) => String(i).padEnd(100_000, 'x'))
    const json = JSON.stringify({ parts })
    await stage.post(json)
    expect((await heard(stage)).body.replace(MEMBER, '')).toBe(json)
    const stream = new ReadableStream({
      start: controller => {
        for (let at = 0; at < json.length; at += 70_000) controller.enqueue(Buffer.from(json.slice(at, at + 70_000)))
        controller.close()
      },
    })
    await stage.post(stream)
    expect(
      stage.upstream.wires
        .map(({ text }) => text)
        .join('')
        .split(MEMBER),
    ).toHaveLength(5)
  })
})

describe('what is not an open prompt is not read', () => {
  test('a sealed one', async () => {
    const stage = await set(answerBytes('200 OK', { 'Ehbp-Response-Nonce': 'cd'.repeat(32) }, 'sealed'), {
      maxJsonBytes: 1,
    })
    const frame = `\0\0\0\x11${'{'.repeat(17)}`
    const headers = { 'Ehbp-Encapsulated-Key': 'ab'.repeat(32), 'Content-Length': String(frame.length) }
    await (await stage.ask(CHAT, headers, frame)).message()
    expect((await heard(stage)).body).toBe(frame)
  })

  test('a body of another route, however long', async () => {
    const stage = await set(OK, { maxJsonBytes: 1 })
    await (await stage.ask('POST /v1/embeddings', { 'Content-Length': '4' }, '{"a"')).message()
    expect((await heard(stage)).body).toBe('{"a"')
  })
})

describe('an open prompt that cannot be read', () => {
  test.each(['', 'hi', '[]', '"a"', '{"a":1', '{} x', '\xef\xbb\xbf{}', '{"a":"\xff"}', '{"a":1,"\\u0061":2}'])(
    '%p is a 400 malformed_json, and nobody upstream hears of it',
    async body => {
      const stage = await set(OK)
      const client = await stage.ask(CHAT, { 'Content-Length': String(body.length) }, body)
      expect(await refused(stage, await client.message())).toBe('400 malformed_json')
      await client.send(`GET /health HTTP/1.1\r\nHost: gateway.test\r\n\r\n`)
      expect((await client.message()).head).toStartWith('HTTP/1.1 200 ')
    },
  )

  test.each([
    ['tells a length that is too great, before any of it has come', { 'Content-Length': String(MAX + 1) }, ''],
    ['has one byte too many, in chunks', IN_CHUNKS, chunk('x'.repeat(MAX)) + chunk('x')],
    ['has them all in one chunk', IN_CHUNKS, chunk('x'.repeat(MAX + 1))],
  ])('because it %s is a 413, and the connection closes', async (_, headers, body) => {
    const stage = await set(OK, { maxJsonBytes: MAX })
    const answer = await (await stage.ask(CHAT, headers, body)).message()
    expect(await refused(stage, answer)).toBe('413 body_too_large')
    expect(answer.head.toLowerCase()).toContain('\r\nconnection: close\r\n')
    expect(answer.body).toContain('1000')
  })

  test('but not where it is as long as it may be', async () => {
    const stage = await set(OK, { maxJsonBytes: MAX })
    for (const headers of [{ 'Content-Length': String(MAX) }, IN_CHUNKS]) {
      const body = '{}'.padEnd(MAX)
      const client = await stage.ask(CHAT, headers, headers === IN_CHUNKS ? `${chunk(body)}0\r\n\r\n` : body)
      expect((await client.message()).head).toStartWith('HTTP/1.1 200 ')
    }
  })

  test.each([
    ['with a small length', { 'Content-Length': '500' }, '{"a'],
    ['with a great length', { 'Content-Length': '500000' }, '{"a'],
    ['in chunks', IN_CHUNKS, chunk('{"a')],
  ])('because it stops coming, %s, is a 408', async (_, headers, body) => {
    const stage = await set(OK, { patience: { bodyMs: 100 } })
    const answer = await (await stage.ask(CHAT, headers, body)).message()
    expect(await refused(stage, answer)).toBe('408 request_stalled')
    expect(answer.head.toLowerCase()).toContain('\r\nconnection: close\r\n')
  })

  test.each(['fin', 'reset'] as const)('because its client leaves by %s goes nowhere', async how => {
    const stage = await set(OK)
    const client = await stage.ask(CHAT, { 'Content-Length': '500000' }, '{"a":1')
    await Bun.sleep(20)
    client[how]()
    expect(await stage.logged('request')).toMatchObject([{ status: 499, code: 'client_gone' }])
    expect(stage.upstream.wires).toEqual([])
  })
})
