import { afterEach, describe, expect, test } from 'bun:test'
import { gzipSync } from 'node:zlib'
import { held } from '../kit/memory.ts'
import { answerBytes, CHUNKED, eventually, MODELS, stages } from '../kit/stage.ts'
import { strictly } from '../kit/strict.ts'

const { set, clear } = stages()
afterEach(clear)

const MEGABYTE = 1_048_576
const TEXT = '{"object":"list"}'.repeat(100)
const GZIP = gzipSync(TEXT).toString('latin1')

describe('an answer that is compressed', () => {
  test.each([
    ['with an Accept-Encoding', { 'Accept-Encoding': 'gzip, br' }],
    ['with one that refuses it', { 'Accept-Encoding': 'identity;q=1, *;q=0' }],
    ['without one', {}],
  ])('comes down as it is for a client %s, and nobody asked for it', async (_, headers) => {
    const { ask, upstream } = await set(answerBytes('200 OK', { 'Content-Encoding': 'gzip' }, GZIP))
    const { head, body } = await (await ask(MODELS, headers)).message()
    expect(head.toLowerCase()).toContain('\r\ncontent-encoding: gzip\r\n')
    expect(head.toLowerCase()).toContain(`\r\ncontent-length: ${GZIP.length}\r\n`)
    expect(body).toBe(GZIP)
    expect((await upstream.first()).text.toLowerCase()).not.toContain('accept-encoding')
  })

  test('by a client that asks for nothing is one that any HTTP client reads', async () => {
    const { kit } = await set(answerBytes('200 OK', { 'Content-Encoding': 'gzip' }, GZIP))
    const answer = await fetch(`${kit.url}/v1/models`, { headers: await kit.bearer() })
    expect(await answer.text()).toBe(TEXT)
  })

  test.each(['gzip', 'deflate', 'br', 'zstd', 'GZIP', 'gzip, gzip', 'x-unheard-of'])(
    'by "%s", and is not, comes down as it is',
    async coding => {
      const { ask } = await set(answerBytes('200 OK', { 'Content-Encoding': coding }, 'plain \x00\xff bytes'))
      const { head, body } = await (await ask(MODELS)).message()
      expect(head).toStartWith('HTTP/1.1 200 OK\r\n')
      expect(head).toMatch(new RegExp(`\r\ncontent-encoding: ${coding}\r\n`, 'i'))
      expect(body).toBe('plain \x00\xff bytes')
    },
  )

  test('to a thousandth passes unexpanded, in bounded memory', async () => {
    const bomb = gzipSync(Buffer.alloc(512 * MEGABYTE))
    expect(bomb.length).toBeLessThan(MEGABYTE)
    const { ask } = await set(async wire => {
      await wire.message()
      await wire.send(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`)
      await wire.send(bomb)
    })
    Bun.gc(true)
    const before = held()
    const client = await ask(MODELS)
    const told = await eventually(() => {
      const reading = client.size > bomb.length ? strictly(client.text, false) : undefined
      return reading?.whole && reading
    }, 'the bomb')
    const body = Buffer.from(told.body, 'latin1')
    expect(body.equals(bomb)).toBe(true)
    expect(held() - before).toBeLessThan(64 * MEGABYTE)
  })

  test('as a transfer is no answer: nobody asked for that either', async () => {
    const { get } = await set(
      `${CHUNKED.replace('chunked', 'gzip, chunked')}${GZIP.length.toString(16)}\r\n${GZIP}\r\n0\r\n\r\n`,
    )
    expect((await get()).status).toBe(502)
  })
})
