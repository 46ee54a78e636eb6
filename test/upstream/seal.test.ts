import { afterEach, describe, expect, test } from 'bun:test'
import { answerBytes, CHAT, MODELS, stages } from '../kit/stage.ts'

const { set, clear } = stages()
afterEach(clear)

const KEY = 'ab'.repeat(32)
const frame = (length: number, bytes = length) => {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(length)
  return head.toString('latin1') + 'x'.repeat(bytes)
}
const EMPTY = frame(0)
const nonce = { 'Ehbp-Response-Nonce': 'cd'.repeat(32) }
const SEALED_OK = answerBytes('200 OK', nonce, 'sealed')
const OPEN_OK = answerBytes('200 OK', {}, 'open')

const refused: [string, Record<string, string>, string][] = [
  ['an open body', {}, '{"model":"m"}'],
  ['no body', {}, ''],
  ['an open body under a made-up header', { 'Ehbp-Encapsulated-Key': KEY }, '{"model":"m"}'],
  ['a multipart body under one', { 'Ehbp-Encapsulated-Key': KEY }, '--boundary\r\n'],
  ['white space before it', { 'Ehbp-Encapsulated-Key': KEY }, '  {"model":"m"}'],
  ['no body under one', { 'Ehbp-Encapsulated-Key': KEY }, ''],
  ['less than a length', { 'Ehbp-Encapsulated-Key': KEY }, '\0\0\0'],
  ['a frame of 16 bytes', { 'Ehbp-Encapsulated-Key': KEY }, frame(16)],
  ['a frame of 64 MiB and 21 bytes', { 'Ehbp-Encapsulated-Key': KEY }, frame(64 * 1024 * 1024 + 21, 100)],
  ['seventeen empty frames', { 'Ehbp-Encapsulated-Key': KEY }, EMPTY.repeat(17) + frame(17)],
  ['empty frames alone', { 'Ehbp-Encapsulated-Key': KEY }, EMPTY.repeat(3)],
  ['an empty key', { 'Ehbp-Encapsulated-Key': '' }, frame(17)],
  ['a key of 63 digits', { 'Ehbp-Encapsulated-Key': KEY.slice(1) }, frame(17)],
  ['a key of 65 digits', { 'Ehbp-Encapsulated-Key': `${KEY}a` }, frame(17)],
  ['a key that is not hex', { 'Ehbp-Encapsulated-Key': `${KEY.slice(2)}zz` }, frame(17)],
  ['two keys', { 'Ehbp-Encapsulated-Key': `${KEY}, ${KEY}` }, frame(17)],
]

describe('where bodies must be sealed', () => {
  test.each(refused)('%s is a 400 that says how, and nobody upstream hears of it', async (_, headers, body) => {
    const { ask, upstream } = await set(SEALED_OK, { plaintext: false })
    const client = await ask(CHAT, { ...headers, 'Content-Length': String(body.length) }, body)
    const { head, body: said } = await client.message()
    expect(head).toStartWith('HTTP/1.1 400 ')
    expect(JSON.parse(said).error).toMatchObject({ code: 'sealed_body_required', type: 'invalid_request_error' })
    expect(said).toContain('seal it with EHBP')
    expect(upstream.wires).toEqual([])
  })

  test('it is refused after its first bytes, and not when all of it has come', async () => {
    const { ask, upstream } = await set(SEALED_OK, { plaintext: false })
    const claimed = await ask(CHAT, { 'Ehbp-Encapsulated-Key': KEY, 'Content-Length': '5000000' }, '{"mo')
    expect(await claimed.seen('sealed_body_required')).toStartWith('HTTP/1.1 400 ')
    const open = await ask(CHAT, { 'Content-Length': '5000000' }, '')
    expect(await open.seen('sealed_body_required')).toStartWith('HTTP/1.1 400 ')
    expect(upstream.wires).toEqual([])
  })

  test.each([
    ['the shortest frame', frame(17)],
    ['the longest', frame(64 * 1024 * 1024 + 20, 200)],
    ['sixteen empty frames before one', EMPTY.repeat(16) + frame(17)],
  ])('%s goes up, and the answer says that it was sealed', async (_, body) => {
    const { ask, upstream } = await set(SEALED_OK, { plaintext: false })
    const client = await ask(CHAT, { 'Ehbp-Encapsulated-Key': KEY, 'Content-Length': String(body.length) }, body)
    const { head } = await client.message()
    expect(head.toLowerCase()).toContain('\r\nx-sealgate-body: sealed\r\n')
    expect(head.toLowerCase()).toContain('\r\nx-sealgate-backend: tinfoil\r\n')
    expect((await upstream.first()).text).toEndWith(body)
  })

  test('a frame whose length comes byte by byte goes up', async () => {
    const { ask, upstream } = await set(SEALED_OK, { plaintext: false })
    const client = await ask(CHAT, { 'Ehbp-Encapsulated-Key': KEY, 'Transfer-Encoding': 'chunked' })
    for (const byte of frame(17)) await client.send(`1\r\n${byte}\r\n`)
    await client.send('0\r\n\r\n')
    expect((await client.message()).head).toStartWith('HTTP/1.1 200 ')
    expect(upstream.wires).toHaveLength(1)
  })

  test('what has no body needs no seal', async () => {
    const { ask } = await set(OPEN_OK, { plaintext: false })
    const { head } = await (await ask(MODELS)).message()
    expect(head).toStartWith('HTTP/1.1 200 ')
    expect(head.toLowerCase()).toContain('\r\nx-sealgate-body: plaintext\r\n')
  })
})

describe('where open bodies are allowed', () => {
  test('one goes up, and the answer says that it was open', async () => {
    const { post, upstream } = await set(OPEN_OK)
    const body = '{"model":"m","user_cache_secret":""}'
    expect((await post(body)).headers.get('x-sealgate-body')).toBe('plaintext')
    expect((await upstream.first()).text).toEndWith(`\r\n\r\n${body}`)
  })

  test('one that claims a seal is held to it all the same', async () => {
    const { post, upstream } = await set(OPEN_OK)
    const answer = await post('{"model":"m"}', { headers: { 'ehbp-encapsulated-key': KEY } })
    expect(answer.status).toBe(400)
    expect(upstream.wires).toEqual([])
  })
})

describe('an enclave that answers a sealed request', () => {
  const sealed = { headers: { 'ehbp-encapsulated-key': KEY } }

  test('in the open with a success is a downgrade: 502, not to be tried again', async () => {
    const { post, logged } = await set(OPEN_OK)
    const answer = await post(frame(17), sealed)
    expect(answer.status).toBe(502)
    expect(answer.headers.get('x-should-retry')).toBe('false')
    expect(await answer.text()).toContain('"enclave_downgrade"')
    expect(await logged('request')).toMatchObject([{ level: 'error', code: 'enclave_downgrade' }])
  })

  test.each(['400 Bad Request', '422 Unprocessable Content', '503 Service Unavailable'])(
    'in the open with a %s passes as it came',
    async status => {
      const { post } = await set(answerBytes(status, {}, 'why'))
      const answer = await post(frame(17), sealed)
      expect([answer.status, await answer.text()]).toEqual([Number.parseInt(status, 10), 'why'])
    },
  )
})
