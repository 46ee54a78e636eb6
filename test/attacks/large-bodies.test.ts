import { afterEach, expect, test } from 'bun:test'
import type { Reply, Wire } from '../kit/raw.ts'
import { answerBytes, chunk, EMBEDDINGS, eventually, stages } from '../kit/stage.ts'

const { set, clear } = stages()
afterEach(clear)

const OK = answerBytes('200 OK', {}, 'ok')
const IN_CHUNKS = { 'Transfer-Encoding': 'chunked' }
const MAX = 100_000

async function refused(client: Wire): Promise<void> {
  const { head, body } = await client.message()
  expect(head).toStartWith('HTTP/1.1 413 ')
  expect(head.toLowerCase()).toContain('\r\nconnection: close\r\n')
  expect(JSON.parse(body)).toEqual({
    error: {
      message: `The request body is longer than ${MAX} bytes: send a shorter one.`,
      type: 'invalid_request_error',
      param: null,
      code: 'body_too_large',
    },
  })
  await client.gone()
}

test.each([
  ['a byte', MAX + 1],
  ['ten gigabytes', 10_000_000_000],
  ['as much as there are numbers for', Number.MAX_SAFE_INTEGER],
])('a length that is %s too long is refused at once, unread, and nobody upstream is asked', async (_, length) => {
  const { ask, upstream } = await set(OK, { maxBodyBytes: MAX })
  await refused(await ask(EMBEDDINGS, { 'Content-Length': String(length) }))
  expect(upstream.wires).toEqual([])
})

test('a body of exactly the longest length passes, by its length and in chunks', async () => {
  const { ask } = await set(OK, { maxBodyBytes: MAX })
  const body = 'x'.repeat(MAX)
  expect((await (await ask(EMBEDDINGS, { 'Content-Length': String(MAX) }, body)).message()).body).toBe('ok')
  expect((await (await ask(EMBEDDINGS, IN_CHUNKS, `${chunk(body)}0\r\n\r\n`)).message()).body).toBe('ok')
})

test('a small body is held to a smaller bound too', async () => {
  const { ask } = await set(OK, { maxBodyBytes: 3 })
  expect((await (await ask(EMBEDDINGS, { 'Content-Length': '3' }, 'abc')).message()).body).toBe('ok')
  expect((await (await ask(EMBEDDINGS, { 'Content-Length': '4' }, 'abcd')).message()).head).toStartWith('HTTP/1.1 413 ')
  expect((await (await ask(EMBEDDINGS, IN_CHUNKS, chunk('abcd'))).message()).head).toStartWith('HTTP/1.1 413 ')
})

test('chunks are counted: past the bound the client is refused, and the upstream’s request breaks off', async () => {
  const { ask, upstream } = await set(wire => wire.seen('\r\n\r\n'), { maxBodyBytes: MAX })
  const client = await ask(EMBEDDINGS, IN_CHUNKS, chunk('x'.repeat(MAX - 10)))
  const wire = await upstream.first()
  await eventually(() => wire.size > MAX - 10, 'the body to go up')
  expect(client.text).toBe('')
  await client.send(chunk('x'.repeat(11)))
  await refused(client)
  expect(await wire.gone()).not.toContain('\r\n0\r\n\r\n')
  expect(wire.size).toBeLessThan(MAX + 1000)
})

test('past the bound an answer that has begun is cut, has no end, and costs what had come', async () => {
  const early: Reply = async wire => {
    await wire.seen('\r\n\r\n')
    await wire.send(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n`)
    await wire.send(chunk('data: early\n\n'))
  }
  const { ask, upstream, logged, kit } = await set(early, { maxBodyBytes: MAX })
  const client = await ask(EMBEDDINGS, IN_CHUNKS, chunk('x'))
  await client.seen('early')
  await client.send(chunk('x'.repeat(MAX)))
  const text = await client.gone()
  expect(text).toStartWith('HTTP/1.1 200 ')
  expect(text).not.toContain('\r\n0\r\n\r\n')
  await (await upstream.first()).gone()
  expect((await logged('stream'))[0]?.ending).toBe('cancelled')
  const report = await fetch(`${kit.url}/v1/usage`, { headers: await kit.bearer() })
  expect(await report.json()).toMatchObject({ total: { requests: 1, completion_tokens: 1, estimated: 1 } })
})
