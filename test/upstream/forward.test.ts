import { afterEach, describe, expect, test } from 'bun:test'
import { UPSTREAM_KEY } from '../kit/gateway.ts'
import { answerBytes, CHAT, EMBEDDINGS, MODELS, stages } from '../kit/stage.ts'

const { set, clear } = stages()
afterEach(clear)

const OK = answerBytes('200 OK', {}, 'ok')
// The shortest frame that could be a sealed one: its length, then 17 bytes.
const FRAME = `\0\0\0\x11${'x'.repeat(17)}`
const ID = '7d9f4e0a-35c1-4b8e-9a52-0c1d2e3f4a5b'

describe('what goes up', () => {
  test('is exactly this, for a GET', async () => {
    const { ask, upstream } = await set(OK)
    await (await ask(MODELS, { 'X-Request-Id': ID, Accept: 'application/json' })).message()
    expect((await upstream.first()).text).toBe(
      'GET /v1/models HTTP/1.1\r\n' +
        `Host: 127.0.0.1:${upstream.port}\r\n` +
        'accept: application/json\r\n' +
        `authorization: Bearer ${UPSTREAM_KEY}\r\n` +
        'user-agent: sealgate/0.0.0-test\r\n' +
        `x-request-id: ${ID}\r\n` +
        'x-tinfoil-request-usage-metrics: true\r\n\r\n',
    )
  })

  test('is exactly this, for a POST with everything that a client might add', async () => {
    const { ask, upstream } = await set(OK)
    const dropped = [
      ...['Cookie', 'Origin', 'Referer', 'User-Agent', 'Forwarded', 'X-Forwarded-For', 'X-Forwarded-Host', 'Via'],
      ...['X-Forwarded-Proto', 'X-Real-Ip', 'Cf-Connecting-Ip', 'Accept-Encoding', 'Accept-Language', 'Te', 'Trailer'],
      ...[
        'Keep-Alive',
        'Proxy-Authorization',
        'Proxy-Connection',
        'X-Api-Key',
        'Openai-Organization',
        'X-Named',
        'Range',
        'X-Tinfoil-Tool-Secret',
        'X-Tinfoil-Request-Usage-Metrics',
      ],
      ...['If-None-Match', 'X-Http-Method-Override', 'Ehbp-Encapsulated_Key', 'Ehbp-Response-Nonce', 'Sec-Fetch-Site'],
    ]
    const client = await ask(
      `${CHAT}?a=b&token=c%2Fd`,
      {
        'X-Request-Id': ID,
        ...Object.fromEntries(dropped.map(name => [name, 'dropped'])),
        Connection: 'keep-alive, x-named',
        'Content-Type': 'application/octet-stream',
        'Ehbp-Encapsulated-Key': 'ab'.repeat(32),
        Accept: 'text/event-stream',
        'Content-Length': '21',
      },
      FRAME,
    )
    await client.message()
    expect((await upstream.first()).text).toBe(
      'POST /v1/chat/completions?a=b&token=c%2Fd HTTP/1.1\r\n' +
        `Host: 127.0.0.1:${upstream.port}\r\n` +
        'accept: text/event-stream\r\n' +
        'content-type: application/octet-stream\r\n' +
        `ehbp-encapsulated-key: ${'ab'.repeat(32)}\r\n` +
        'content-length: 21\r\n' +
        `authorization: Bearer ${UPSTREAM_KEY}\r\n` +
        'user-agent: sealgate/0.0.0-test\r\n' +
        `x-request-id: ${ID}\r\n` +
        `x-tinfoil-request-usage-metrics: true\r\n\r\n${FRAME}`,
    )
  })

  test.each(['Transfer-Encoding', 'Content-Length', 'Authorization', 'Content-Type', 'Ehbp-Encapsulated-Key'])(
    'keeps its %s even if the client names it in Connection',
    async name => {
      const { ask, upstream } = await set(OK)
      const headers = { 'Content-Type': 'a/b', 'Ehbp-Encapsulated-Key': 'cd'.repeat(32) }
      const framed = name === 'Transfer-Encoding'
      const client = await ask(
        CHAT,
        { ...headers, Connection: name, ...(framed ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': '21' }) },
        framed ? `15\r\n${FRAME}\r\n0\r\n\r\n` : FRAME,
      )
      await client.message()
      expect((await upstream.first()).text.toLowerCase()).toContain(`\r\n${name.toLowerCase()}: `)
    },
  )

  test('has a request id of ours if the client has none, the same that the answer tells', async () => {
    const { get, upstream } = await set(OK)
    const id = (await get()).headers.get('x-request-id')
    expect(id).toMatch(/^[0-9a-f-]{36}$/)
    expect((await upstream.first()).text).toContain(`\r\nx-request-id: ${id}\r\n`)
  })

  test.each([
    ['', ''],
    ['/', ''],
    ['/base', '/base'],
    ['/base/', '/base'],
    ['/a/b%20c/', '/a/b%20c'],
  ])('has the prefix of the base %p', async (prefix, wanted) => {
    const { get, upstream } = await set(OK, { base: ({ url }) => url + prefix })
    await get()
    expect((await upstream.first()).text).toStartWith(`GET ${wanted}/v1/models HTTP/1.1\r\n`)
  })

  test.each(['?', '?a', '?a=b&a=c', '?q=%2e%2e%2f&r=+%20', '?u=http://x/y', '?x=~!*()[]{}|^`', '?a?b', '?a=%zz'])(
    'has the query %s, byte for byte',
    async query => {
      const { ask, upstream } = await set(OK)
      await (await ask(`GET /v1/models${query}`)).message()
      expect((await upstream.first()).text).toStartWith(`GET /v1/models${query} HTTP/1.1\r\n`)
    },
  )

  test.each(['?q=\xc3\xa9', '?q=\xc5\x82', '?q=\xf0\x9f\x94\x91', "?q='", '?q="<>'])(
    'has a query of what a URL cannot hold unharmed or escaped, or is refused: %p',
    async query => {
      const { ask, upstream } = await set(OK)
      const { head } = await (await ask(`GET /v1/models${query}`)).message()
      expect(head).toMatch(/^HTTP\/1.1 (200|400) /)
      const asked = upstream.wires[0]?.text.split('\r\n')[0] ?? ''
      const escaped = query.replace(/[\x80-\xff'"<>]/g, byte => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`)
      if (asked) expect(asked).toBeOneOf([`GET /v1/models${query} HTTP/1.1`, `GET /v1/models${escaped} HTTP/1.1`])
    },
  )

  test.each(['content-type', 'accept', 'ehbp-encapsulated-key'])(
    'has the odd bytes of %s unharmed, or is refused',
    async name => {
      const { ask, upstream } = await set(OK)
      for (const odd of ['caf\xc3\xa9', '\xff', '\xc5\x82', '\xf0\x9f\x94\x91', 'a\tb']) {
        const client = await ask(EMBEDDINGS, { [name]: odd, 'Content-Length': '2' }, 'hi')
        const { head } = await client.message()
        expect(head).toMatch(/^HTTP\/1.1 (200|400) /)
        if (head.startsWith('HTTP/1.1 200 ')) expect(upstream.wires.at(-1)?.text).toContain(`\r\n${name}: ${odd}\r\n`)
      }
    },
  )
})
