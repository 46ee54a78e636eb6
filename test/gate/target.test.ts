import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { assert, constantFrom, property, string } from 'fast-check'
import { readTarget } from '../../src/gate/target.ts'
import { Problem } from '../../src/protocol/problem.ts'
import { countingUpstream } from '../kit/counting.ts'
import { type Kit, startGateway } from '../kit/gateway.ts'

const upstream = countingUpstream()
let kit: Kit
beforeAll(async () => {
  kit = await startGateway({ upstream: `${upstream.url}/prefix` })
})
afterAll(async () => {
  await kit.stop()
  await upstream.stop()
})

/** Sends exactly these lines and gives back everything that came until the server hung up. */
function say(...lines: string[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = connect(Number(new URL(kit.url).port), '127.0.0.1')
  let text = ''
  socket.setEncoding('latin1')
  socket.on('data', chunk => {
    text += chunk
  })
  socket.on('error', reject)
  socket.on('close', () => resolve(text))
  socket.write(Buffer.from(`${[...lines, 'Connection: close'].join('\r\n')}\r\n\r\n`, 'latin1'))
  return promise
}

const statusOf = (answer: string) => Number(answer.split(' ')[1])
const get = (target: string) => say(`GET ${target} HTTP/1.1`, 'Host: gateway.test')

describe('a request target', () => {
  test.each([
    '//health',
    '/health//',
    '/v1//models',
    '/v1%2fmodels',
    '/v1%2Fmodels',
    '/v1%5cmodels',
    '/v1%5Cmodels',
    '/health%00',
    '/%2568ealth',
    '/health%25',
    '/health%',
    '/health%4',
    '/health%zz',
    '/health;x',
    '/health;jsessionid=1',
    ';/health',
    '/health#x',
    '/\\health',
    '\\health',
    'health',
    '?/health',
    '*',
    '',
    '/health|',
  ])('is refused as %s', async target => {
    expect(statusOf(await get(target))).toBe(400)
    expect(upstream.requests).toHaveLength(0)
  })

  test('that is refused is refused in our own shape, and not quoted', async () => {
    const answer = await get('/hunter2;x')
    expect(answer.toLowerCase()).toContain('x-protocol-version: 1')
    expect(answer).toContain('"code":"malformed_target"')
    expect(answer).not.toContain('hunter2')
  })

  test.each([
    '/health/',
    '/Health',
    '/%68ealth',
    '/health%20',
    '/health.',
    '/health..',
    '/.health',
    '/v1',
    '/v1/models/',
    '/he"alth',
    '/health^',
    '/hea<lth',
    '/health{}',
  ])('is another path as %s, and no route', async target => {
    expect(statusOf(await get(target))).toBe(404)
  })

  test.each([
    '/health',
    '/health?',
    '/health?a=%zz&b=%00',
    '/health?//',
    '/health?%E0%A4%A',
    '/health?a=;#'.slice(0, -1),
  ])('is fine as %s', async target => {
    expect(statusOf(await get(target))).toBe(200)
  })

  test('goes up behind the base’s prefix, its query as it was written', async () => {
    upstream.requests.length = 0
    const query = '?a=%2F&b=%zz&&c=+%20;d='
    const { authorization } = await kit.bearer()
    await say(`GET /v1/models${query} HTTP/1.1`, 'Host: gateway.test', `Authorization: ${authorization}`)
    expect(upstream.requests.map(({ url }) => url.replace(upstream.url, ''))).toEqual([`/prefix/v1/models${query}`])
    upstream.requests.length = 0
  })

  // Bun resolves dot segments and turns backslashes before anybody can see them; what matters is that the upstream is
  // sent what was authorised.
  test.each(['/v1/../v1/models', '/v1/%2e%2E/v1/./models', '/v1\\models', '/x/%2e./v1/models'])(
    'is resolved once, and goes up resolved: %s',
    async target => {
      upstream.requests.length = 0
      expect(statusOf(await get(target))).toBe(401)
      const { authorization } = await kit.bearer()
      await say(`GET ${target} HTTP/1.1`, 'Host: gateway.test', `Authorization: ${authorization}`)
      expect(upstream.requests.map(({ url }) => url.replace(upstream.url, ''))).toEqual(['/prefix/v1/models'])
      upstream.requests.length = 0
    },
  )

  test('is read into plain path characters or not at all', async () => {
    const pieces = constantFrom('/', 'a', '.', '%', '2', 'f', 'F', '5', 'c', '0', '~', ';', '\\', '?', ':', '@', '|')
    await assert(
      property(string({ unit: pieces, maxLength: 10 }), text => {
        const request = { url: `http://gateway.test/${text}`, headers: new Headers() } as Request
        try {
          const { path, query } = readTarget(request)
          expect(path + query).toBe(`/${text}`)
          expect(path).not.toMatch(/\/\/|%2f|%2e|%5c|%00|%25|[;\\|?]|%(?![0-9a-f]{2})/i)
        } catch (error) {
          if (!(error instanceof Problem)) throw error
          expect(error.code).toBe('malformed_target')
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('a host', () => {
  test.each([
    'Host: a\r\nHost: b',
    'Host: gateway.test\r\nHost: gateway.test',
    'Host: a, b',
    'Host:',
    'Host: a/b',
    'Host: user@a',
    'Host: a b',
    'Host: [::1',
    'Host: ::1',
    'Host: a?b',
    'Host: a#b',
    'Host: a\\b',
    'Host: a%2fb',
    'Host: a;b',
    'Host: a:b',
    'Host: a:',
    'Host: a:123456',
    'Host: http://a',
    'Host: h\xe9',
    'Host: <script>',
  ])('is refused as %j, on any route', async host => {
    for (const path of ['/health', '/v1/models', '/nowhere']) {
      const answer = await say(`GET ${path} HTTP/1.1`, host)
      expect(statusOf(answer)).toBe(400)
      expect(answer).toContain('"code":"malformed_host"')
      expect(answer.toLowerCase()).toContain('x-protocol-version: 1')
    }
  })

  test('may not be missing', async () => {
    expect(statusOf(await say('GET /health HTTP/1.1', 'Accept: */*'))).toBe(400)
  })

  test.each(['a', 'gateway.test', 'gateway.test:5381', '127.0.0.1:80', '[::1]:5381', '[::1]', 'my_host', 'a-b.c'])(
    'is fine as %s',
    async host => {
      expect(statusOf(await say('GET /health HTTP/1.1', `Host: ${host}`))).toBe(200)
    },
  )

  test('however short does not change which route answers', async () => {
    for (const host of ['a', 'ab', 'a.b', '[::]']) {
      expect(await say('GET /health HTTP/1.1', `Host: ${host}`)).toContain('"status":"ok"')
      expect(statusOf(await say('GET /xhealth HTTP/1.1', `Host: ${host}`))).toBe(404)
    }
  })
})

test('two Authorization headers are refused, even of one good token', async () => {
  const { authorization } = await kit.bearer()
  const twice = [`Authorization: ${authorization}`, `Authorization: ${authorization}`]
  const answer = await say('GET /v1/models HTTP/1.1', 'Host: gateway.test', ...twice)
  expect(statusOf(answer)).toBe(401)
  expect(answer).toContain('"code":"token_malformed"')
  expect(upstream.requests).toHaveLength(0)
})
