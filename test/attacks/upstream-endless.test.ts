import { afterEach, describe, expect, test } from 'bun:test'
import { held } from '../kit/memory.ts'
import type { Reply } from '../kit/raw.ts'
import { answerBytes, CHUNKED, EMBEDDINGS, eventually, MODELS, stages, unchunk } from '../kit/stage.ts'

const { set, clear } = stages()
afterEach(clear)

const OK = answerBytes('200 OK', {}, 'mine')
const MEGABYTE = 1_048_576
/** Answers the first connection with these bytes and then with the same ones again and again; the others as they ask. */
function endless(first: string, again: string, sent = { bytes: 0 }): Reply {
  const block = again.repeat(Math.ceil(65_536 / again.length))
  return async (wire, index) => {
    await wire.message()
    if (index > 0) return wire.send(OK)
    await wire.send(first)
    for (; wire.ended === 'open' && sent.bytes < 256 * MEGABYTE; sent.bytes += block.length) await wire.send(block)
  }
}

const heads: Record<string, [string, string]> = {
  'a status line': ['HTTP/1.1 200 ', 'OK'],
  'a header name': ['HTTP/1.1 200 OK\r\n', 'X'],
  'a header value': ['HTTP/1.1 200 OK\r\nX: ', 'x'],
  headers: ['HTTP/1.1 200 OK\r\n', 'X: x\r\n'],
  cookies: ['HTTP/1.1 200 OK\r\n', 'Set-Cookie: a=b\r\n'],
  'blank lines before an answer': ['', '\r\n'],
  'interim answers': ['', 'HTTP/1.1 100 Continue\r\n\r\n'],
  'early hints': ['', 'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n'],
}

describe('an upstream without end', () => {
  test.each(Object.entries(heads))(
    'to its %s is a 502 or 504, in little memory, and is hung up on',
    async (_, [first, again]) => {
      const { get, upstream } = await set(endless(first, again), { patience: { headerMs: 500 } })
      const before = held()
      const answer = await get()
      expect(await answer.text()).toMatch(/"code":"upstream_(?:malformed|timeout|unreachable)"/)
      expect(answer.status).toBeOneOf([502, 504])
      const wire = await upstream.first()
      await eventually(() => wire.ended !== 'open', 'the upstream to be hung up on')
      expect(held() - before).toBeLessThan(64 * MEGABYTE)
      expect(await (await get()).text()).toBe('mine')
    },
  )

  const bodies: Record<string, [string, string]> = {
    'chunk size': [`${CHUNKED}2\r\nok\r\n`, '0'],
    'chunk extension': [`${CHUNKED}2\r\nok\r\n1;a=`, 'b'],
    trailer: [`${CHUNKED}2\r\nok\r\n0\r\nX: `, 'x'],
    trailers: [`${CHUNKED}2\r\nok\r\n0\r\n`, 'X: x\r\n'],
  }
  test.each(Object.entries(bodies))(
    'to its %s is no end for the client, in little memory',
    async (_, [first, again]) => {
      const { ask, get, upstream } = await set(endless(first, again))
      const before = held()
      const client = await ask(MODELS)
      await Promise.race([
        client.gone().catch(() => ''),
        client.seen('upstream_malformed').catch(() => ''),
        Bun.sleep(500),
      ])
      if (!client.text.startsWith('HTTP/1.1 502 '))
        expect(unchunk(client.text.slice(client.text.indexOf('\r\n\r\n') + 4)).whole).toBe(false)
      client.reset()
      const wire = await upstream.first()
      await eventually(() => wire.ended !== 'open', 'the upstream to be hung up on')
      expect(held() - before).toBeLessThan(64 * MEGABYTE)
      expect(await (await get()).text()).toBe('mine')
    },
  )
})

test('a hundred thousand chunks of a byte arrive whole, and others are served meanwhile', async () => {
  const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7919) % 251))
  const wired = Buffer.concat([...bytes].map(byte => Buffer.from([0x31, 13, 10, byte, 13, 10])))
  const { post, kit } = await set(async wire => {
    await wire.message()
    await wire.send(CHUNKED)
    for (let at = 0; at < wired.length; at += 8192) await wire.send(wired.subarray(at, at + 8192))
    await wire.send('0\r\n\r\n')
  })
  const answer = post('{}').then(async answered => Buffer.from(await answered.arrayBuffer()))
  const health = await fetch(`${kit.url}/health`)
  expect(health.status).toBe(200)
  expect((await answer).equals(bytes)).toBe(true)
})

test('a body without end goes on until the client leaves, and no longer', async () => {
  const sent = { bytes: 0 }
  const { ask, get, upstream } = await set(endless(CHUNKED, '5\r\nagain\r\n', sent))
  const client = await ask(EMBEDDINGS, { 'Content-Length': '2' }, 'hi')
  await eventually(() => client.size > 4 * MEGABYTE, 'four megabytes')
  client.reset()
  const wire = await upstream.first()
  await eventually(() => wire.ended !== 'open', 'the upstream to be hung up on', 1000)
  expect(await (await get()).text()).toBe('mine')
})
