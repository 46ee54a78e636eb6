import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import { HOST, hurl, target } from '../kit/attack.ts'

const at = await target()
afterAll(() => at.stop())
beforeEach(() => at.forget())

const UUID = '0190b0a0-1234-7abc-8def-0123456789ab'
const ask = (line: string, headers: readonly string[] = [], signed = at.signed) =>
  hurl(at.url, `${line} HTTP/1.1\r\n${HOST}${signed}${headers.map(header => `${header}\r\n`).join('')}\r\n`)
const lines = (count: number) => Array.from({ length: count }, (_, i) => `X-${i}: ${i}`)

describe('a flood of headers', () => {
  test.each<[string, string, readonly string[]]>([
    ['of one of 20 KB', 'GET /v1/models', [`X: ${'a'.repeat(20_000)}`]],
    ['of one name of 20 KB', 'GET /v1/models', [`${'X'.repeat(20_000)}: a`]],
    ['of 300 lines', 'GET /v1/models', lines(300)],
    ['of 300 equal lines', 'GET /v1/models', lines(300).map(() => 'Accept: a')],
    ['in the target', `GET /v1/models?${'a'.repeat(20_000)}`, []],
    ['in the method', `${'A'.repeat(20_000)} /v1/models`, []],
    ['without an end', 'GET /v1/models', [`X: ${'a'.repeat(5_000_000)}`]],
  ])('%s is a 431, and the connection closes', async (_, line, headers) => {
    const { statuses, ended } = await ask(line, headers)
    expect(statuses).toEqual([431])
    expect(ended).not.toBe('open')
    expect(at.heard).toEqual([])
  })

  test('that is small enough is read, and none of it goes up', async () => {
    expect((await ask('GET /v1/models', lines(100))).statuses).toEqual([200])
    expect(at.heard.join('')).not.toMatch(/\r\nx-\d+:/i)
  })
})

describe('a header sent twice', () => {
  test('is no second token', async () => {
    for (const twice of [`${at.signed}${at.signed}`, `${at.signed}Authorization: Bearer x\r\n`])
      expect((await ask('GET /v1/models', [], twice)).statuses).toEqual([401])
    expect((await ask('GET /v1/models', [], `Authorization: Bearer x\r\n${at.signed}`)).statuses).toEqual([401])
    expect((await ask('GET /v1/models', [], `authorization:\r\n${at.signed}`)).statuses).toEqual([401])
    expect(at.heard).toEqual([])
  })

  test.each(['Content-Type', 'Accept'])('%s goes up as one line that holds both', async name => {
    const twice = [`${name}: aa`, `${name.toLowerCase()}: bb`, 'Content-Length: 5', '', 'hello']
    await hurl(at.url, `POST /v1/embeddings HTTP/1.1\r\n${HOST}${at.signed}${twice.join('\r\n')}`)
    const [request = ''] = at.heard
    expect(request.toLowerCase().match(new RegExp(`\r\n${name.toLowerCase()}: .*`, 'g'))).toEqual([
      `\r\n${name.toLowerCase()}: aa, bb`,
    ])
  })

  test('is no seal', async () => {
    const key = 'ab'.repeat(32)
    const twice = [`Ehbp-Encapsulated-Key: ${key}`, `ehbp-encapsulated-key: ${key}`, 'Content-Length: 5', '', 'hello']
    const { statuses } = await hurl(at.url, `POST /v1/embeddings HTTP/1.1\r\n${HOST}${at.signed}${twice.join('\r\n')}`)
    expect(statuses).toEqual([400])
    expect(at.heard).toEqual([])
  })

  test('is no request id', async () => {
    const { text } = await ask('GET /v1/models', [`X-Request-Id: ${UUID}`, `X-Request-Id: ${UUID}`])
    expect(text + at.heard.join('')).not.toContain(UUID)
    expect(text.match(/\r\nx-request-id: /gi)).toHaveLength(1)
  })
})

test.each(['Accept', 'Content-Type', 'X-Tinfoil-Model'])('%s with a control character is a 400', async name => {
  for (let code = 1; code < 128; code++) {
    const char = String.fromCharCode(code)
    if (char >= ' ' && char <= '~') continue
    const { statuses } = await ask('GET /v1/models', [`${name}: a${char}b`])
    expect([code, ...statuses]).toEqual([code, char === '\t' ? 200 : 400])
  }
  expect(at.heard).toHaveLength(1)
})

describe('a header that only looks like another', () => {
  test.each([
    'Authorization_',
    'Authorization-',
    '_Authorization',
    'Proxy-Authorization',
    'X-Authorization',
    'Authorisation',
  ])('%s is no token', async name => {
    expect((await ask('GET /v1/models', [at.signed.trim().replace('Authorization', name)], '')).statuses).toEqual([401])
    expect(at.heard).toEqual([])
  })

  test('with an underscore is nothing', async () => {
    const headers = [
      `x_request_id: ${UUID}`,
      'ehbp_encapsulated_key: evil',
      'content_type: evil/type',
      'content_length: 0',
      'transfer_encoding: chunked',
      'host_: evil.test',
      'user_agent: evil',
      'Content-Length: 5',
      '',
      'hello',
    ]
    const { text } = await hurl(at.url, `POST /v1/embeddings HTTP/1.1\r\n${HOST}${at.signed}${headers.join('\r\n')}`)
    expect(text).toStartWith('HTTP/1.1 200 ')
    expect(text).not.toContain(UUID)
    const [request = ''] = at.heard
    expect(request).not.toMatch(/_|evil/)
    expect(request).not.toContain(UUID)
    expect(request).toEndWith('\r\n\r\nhello')
  })

  test('only because of letters beyond ASCII is nothing, or not read', async () => {
    for (const name of [
      'Author\xefzation',
      '\xa0Authorization',
      'Authorization\xa0',
      'Authorization ',
      'Authorization\0',
    ]) {
      const { statuses } = await ask('GET /v1/models', [at.signed.trim().replace('Authorization', name)], '')
      expect([400, 401]).toContain(statuses[0] ?? 0)
    }
    expect(at.heard).toEqual([])
  })
})

describe('an upgrade', () => {
  const WEBSOCKET = ['Upgrade: websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13']
  const H2C = ['Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA']
  test.each([
    ['websocket', ['Connection: Upgrade', ...WEBSOCKET]],
    ['h2c', ['Connection: Upgrade, HTTP2-Settings', ...H2C]],
    ['TLS', ['Connection: Upgrade', 'Upgrade: TLS/1.2']],
  ])('to %s is not taken, nor passed on', async (_, headers) => {
    for (const [line, signed, status] of [
      ['GET /v1/models', at.signed, 200],
      ['GET /v1/models', '', 401],
      ['GET /health', '', 200],
      ['GET /nowhere', '', 404],
    ] as const) {
      const { statuses, text } = await ask(line, headers, signed)
      expect([line, ...statuses]).toEqual([line, status])
      expect(text).not.toMatch(/HTTP\/1\.1 101|\r\nupgrade:/i)
    }
    expect(at.heard).toHaveLength(1)
    expect(at.heard[0]).not.toMatch(/upgrade|websocket|settings/i)
  })

  test('to HTTP/2 by prior knowledge is refused', async () => {
    const { statuses, ended } = await hurl(at.url, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0')
    expect(statuses).toEqual([400])
    expect(ended).not.toBe('open')
  })
})
