import { afterEach, describe, expect, test } from 'bun:test'
import { Exchange } from '../../src/protocol/exchange.ts'
import { requestIdFrom } from '../../src/protocol/ids.ts'
import { relay } from '../../src/upstream/answer.ts'
import { rawUpstream } from '../kit/raw.ts'
import { answerBytes, EMBEDDINGS, MODELS, stages, unchunk } from '../kit/stage.ts'

const { set, also, clear } = stages()
afterEach(clear)

const OK = answerBytes('200 OK', {}, 'ok')
const ID = '7d9f4e0a-35c1-4b8e-9a52-0c1d2e3f4a5b'

describe('what comes down', () => {
  const problem = '{"type":"urn:ietf:params:ehbp:error:key-config","title":"key configuration mismatch"}'
  const errors: [string, Record<string, string>, string][] = [
    ['201 Created', { 'Content-Type': 'text/plain; charset=utf-8' }, 'made'],
    ['300 Multiple Choices', {}, 'choose'],
    ['400 Bad Request', { 'Content-Type': 'application/json' }, '{"error":{"message":"no model"}}'],
    ['404 Not Found', { 'Content-Type': 'text/html' }, '<h1>404</h1>'],
    ['408 Request Timeout', {}, 'late'],
    ['413 Content Too Large', {}, 'large'],
    ['412 Precondition Failed', { 'X-Tinfoil-Seal': 'enclave.example' }, 'seal again'],
    ['421 Misdirected Request', { 'X-Tinfoil-Seal': 'enclave.example' }, 'seal again'],
    ['422 Unprocessable Content', { 'Content-Type': 'application/problem+json' }, problem],
    ['429 Too Many Requests', { 'Retry-After': '7', 'Retry-After-Ms': '6500' }, '{"error":{}}'],
    ['500 Internal Server Error', { 'Content-Type': 'application/json' }, '{"error":{"code":"x"}}'],
    ['503 Service Unavailable', { 'Retry-After': 'Wed, 21 Oct 2026 07:28:00 GMT', 'X-Should-Retry': 'true' }, 'busy'],
    ['599 Odd', { 'Content-Type': 'a/b;  odd = "spacing"' }, ''],
  ]
  test.each(errors)('is a %s as it came', async (status, headers, body) => {
    const { get } = await set(answerBytes(status, headers, body))
    const answer = await get()
    expect(answer.status).toBe(Number.parseInt(status, 10))
    expect(await answer.text()).toBe(body)
    for (const [name, value] of Object.entries(headers)) expect(answer.headers.get(name)).toBe(value)
    if (!headers['Content-Type']) expect(answer.headers.has('content-type')).toBe(false)
  })

  test('has these headers and no others', async () => {
    const kept = {
      'Content-Type': 'application/octet-stream',
      'Content-Disposition': 'attachment; filename="\xe9"',
      'Ehbp-Response-Nonce': 'ef'.repeat(32),
      'Retry-After': '1',
      'Retry-After-Ms': '900',
      'X-Should-Retry': 'true',
      'X-Tinfoil-Seal': 'host',
      'Tinfoil-Enclave': 'host',
      'Tinfoil-Pt': '1',
      'Content-Length': '2',
    }
    const dropped = {
      ...{
        'Set-Cookie': 'a=b',
        Server: 'nginx',
        'X-Powered-By': 'x',
        Via: '1.1 x',
        Location: '/x',
        Age: '1',
        Vary: '*',
      },
      ...{ 'Access-Control-Allow-Origin': '*', 'Access-Control-Allow-Credentials': 'true', 'Alt-Svc': 'h3=":443"' },
      ...{
        Connection: 'x-named',
        'X-Named': 'a',
        'Keep-Alive': 'timeout=5',
        'Proxy-Authenticate': 'Basic',
        Upgrade: 'h2c',
      },
      ...{ 'Cache-Control': 'public, max-age=60', 'X-Accel-Buffering': 'yes', 'X-Request-Id': 'theirs', ETag: '"a"' },
      ...{ 'X-Protocol-Version': '9', 'X-Ratelimit-Limit-Requests': '9', 'Www-Authenticate': 'Bearer', Expires: '0' },
      ...{
        'Strict-Transport-Security': 'max-age=1',
        'Clear-Site-Data': '"*"',
        Refresh: '0; url=/',
        Date: 'Thu, 01 Jan 1970',
      },
    }
    const { ask } = await set(answerBytes('200 OK', { ...kept, ...dropped }, 'ok'))
    const { head, body } = await (await ask(MODELS, { 'x-request-id': ID })).message()
    const lines = head.trimEnd().split('\r\n').slice(1)
    const seen = Object.fromEntries(
      lines.map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
    )
    const { date, ...rest } = seen
    expect(Date.parse(date ?? '')).toBeGreaterThan(Date.now() - 60_000)
    expect(rest).toEqual({
      ...Object.fromEntries(Object.entries(kept).map(([name, value]) => [name.toLowerCase(), value])),
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
      'x-sealgate-backend': 'tinfoil',
      'x-sealgate-body': 'plaintext',
      'x-upstream-request-id': 'theirs',
      'x-protocol-version': '1',
      'x-receipt-id': expect.stringMatching(/^rcpt_[\da-f]{64}$/),
      'x-request-id': ID,
    })
    expect(lines.length).toBe(Object.keys(seen).length)
    expect(body).toBe('ok')
  })

  test('is a redirect without its way, and nobody goes there', async () => {
    const elsewhere = also(await rawUpstream(OK))
    const { get, post, upstream } = await set(
      answerBytes('307 Temporary Redirect', { Location: `${elsewhere.url}/v1/models` }, 'moved'),
    )
    for (const answer of [await get(), await post('{}', { redirect: 'manual' })]) {
      expect(answer.status).toBe(307)
      expect(answer.headers.has('location')).toBe(false)
      expect(await answer.text()).toBe('moved')
    }
    expect(elsewhere.wires).toBeEmpty()
    expect(upstream.wires.length).toBe(1)
  })

  test.each(['204 No Content', '304 Not Modified'])(
    'is a %s without a body, on a connection that goes on',
    async status => {
      const { ask, kit } = await set(`HTTP/1.1 ${status}\r\nEhbp-Response-Nonce: ab\r\n\r\n`)
      const client = await ask(MODELS)
      const head = await client.seen('\r\n\r\n')
      expect(head).toStartWith(`HTTP/1.1 ${status}\r\n`)
      expect(head.toLowerCase()).toContain('\r\nehbp-response-nonce: ab\r\n')
      await client.send(`GET /health HTTP/1.1\r\nHost: ${new URL(kit.url).host}\r\n\r\n`)
      await client.seen('{"status":"ok"')
      expect(client.text.slice(head.length)).toStartWith('HTTP/1.1 200 OK\r\n')
    },
  )

  test.each(['GET', 'HEAD'])('is compressed as it was, for a %s', async method => {
    const gzip = Buffer.from(Bun.gzipSync('{"object":"list"}'.repeat(100))).toString('latin1')
    const { get } = await set(
      answerBytes(
        '200 OK',
        { 'Content-Encoding': 'gzip', 'Content-Length': String(gzip.length) },
        method === 'GET' ? gzip : '',
      ),
    )
    const answer = await get({ method })
    expect(answer.headers.get('content-encoding')).toBe('gzip')
    expect(answer.headers.get('content-length')).toBe(String(gzip.length))
    expect(Buffer.from(await answer.arrayBuffer()).toString('latin1')).toBe(method === 'GET' ? gzip : '')
  })

  test('claims no length of nothing for a HEAD whose length is not known', async () => {
    const { ask } = await set('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    const head = await (await ask('HEAD /v1/models')).seen('\r\n\r\n')
    expect(head.toLowerCase()).not.toContain('content-length: 0')
  })
})

describe('a refusal of our own key', () => {
  test.each(['401 Unauthorized', '402 Payment Required', '403 Forbidden'])(
    'is a 502 with what the %s said, sealed or not, and not to be tried again',
    async status => {
      const headers = {
        'Content-Type': 'application/octet-stream',
        'Ehbp-Response-Nonce': 'ab'.repeat(32),
        'Www-Authenticate': 'Bearer',
        'X-Should-Retry': 'true',
      }
      const { ask, logged } = await set(answerBytes(status, headers, '\x00\xff sealed'))
      const { head, body } = await (await ask(EMBEDDINGS, { 'Content-Length': '2' }, 'hi')).message()
      expect(head).toStartWith('HTTP/1.1 502 Bad Gateway\r\n')
      expect(head.toLowerCase()).toContain(`\r\nehbp-response-nonce: ${'ab'.repeat(32)}\r\n`)
      expect(head.toLowerCase()).toContain('\r\ncontent-type: application/octet-stream\r\n')
      expect(head.toLowerCase().match(/x-should-retry: \w+/g)).toEqual(['x-should-retry: false'])
      expect(head.toLowerCase()).not.toContain('www-authenticate')
      expect(/transfer-encoding/i.test(head) ? unchunk(body).text : body).toBe('\x00\xff sealed')
      expect((await logged('request'))[0]).toMatchObject({ level: 'error', status: 502, code: 'upstream_credentials' })
      expect((await logged('stream'))[0]).toMatchObject({ ending: 'complete', bytes: 9 })
    },
  )
})

test('while an answer passes its request holds the token of its caller no longer', async () => {
  const request = new Request('http://localhost/', { headers: { authorization: 'Bearer secret' } })
  const exchange = new Exchange(requestIdFrom(null), 0)
  const body = { destroyed: false, complete: true, destroy: () => undefined }
  async function* pieces() {
    yield Buffer.from('ok')
  }
  const answer = Object.assign(pieces(), body, { statusCode: 200, headers: {}, trailers: {} })
  const response = relay(answer, { request, exchange, now: () => 0, sealed: false, backend: 'tinfoil' })
  expect(request.headers.get('authorization')).toBeNull()
  expect(await response.text()).toBe('ok')
})
