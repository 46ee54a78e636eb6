import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Elysia } from 'elysia'
import { observe } from '../../src/gate/observe.ts'
import { answer, problems } from '../../src/gate/problems.ts'
import { NO_METERS } from '../../src/protocol/meters.ts'
import { Problem } from '../../src/protocol/problem.ts'
import { countingUpstream } from '../kit/counting.ts'
import { type Kit, startGateway } from '../kit/gateway.ts'

const upstream = countingUpstream()
let kit: Kit
beforeAll(async () => {
  kit = await startGateway({ upstream: upstream.url })
})
afterAll(async () => {
  await kit.stop()
  await upstream.stop()
})

describe('an unknown path', () => {
  test.each(['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('is a 404 in JSON for %s', async method => {
    const answer = await fetch(`${kit.url}/hunter2`, { method })
    expect(answer.status).toBe(404)
    expect(answer.headers.get('content-type')).toStartWith('application/json')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.has('allow')).toBe(false)
    expect(await answer.json()).toEqual({
      error: { message: 'No such route.', type: 'invalid_request_error', param: null, code: 'not_found' },
    })
  })

  test('is a 404 without a body for HEAD', async () => {
    const answer = await fetch(`${kit.url}/hunter2`, { method: 'HEAD' })
    expect(answer.status).toBe(404)
    expect(await answer.text()).toBe('')
    expect(answer.headers.get('x-protocol-version')).toBe('1')
  })

  test('is a 404 for what only begins or ends like a route', async () => {
    for (const path of ['/healthz', '/health/x', '/v1', '/x/health', '/v1/models/x', '/v1/chat', '/.well-known'])
      expect([path, (await fetch(kit.url + path)).status]).toEqual([path, 404])
  })

  test('is a 404 with or without a token', async () => {
    expect((await fetch(`${kit.url}/v1/nothing`, { headers: await kit.bearer() })).status).toBe(404)
  })

  test('is a 404 for names that every object has', async () => {
    for (const path of ['/__proto__', '/constructor', '/toString', '/v1/__proto__'])
      expect([path, (await fetch(kit.url + path)).status]).toEqual([path, 404])
  })
})

describe('a wrong method', () => {
  test.each([
    ['POST', '/health', 'GET, HEAD'],
    ['DELETE', '/readyz', 'GET, HEAD'],
    ['PUT', '/.well-known/hpke-keys', 'GET, HEAD'],
    ['POST', '/v1/models', 'GET, HEAD'],
    ['OPTIONS', '/v1/models', 'GET, HEAD'],
    ['GET', '/v1/chat/completions', 'POST'],
    ['PATCH', '/v1/chat/completions', 'POST'],
    ['PROPFIND', '/v1/chat/completions', 'POST'],
  ])('%s %s is a 405 that allows %s', async (method, path, allow) => {
    upstream.requests.length = 0
    const answer = await fetch(kit.url + path, { method, headers: await kit.bearer() })
    expect(upstream.requests).toHaveLength(0)
    expect(answer.status).toBe(405)
    expect(answer.headers.get('allow')).toBe(allow)
    expect(answer.headers.get('content-type')).toStartWith('application/json')
    expect(await answer.json()).toMatchObject({ error: { code: 'method_not_allowed', param: null } })
  })

  test('HEAD is one where GET is', async () => {
    const answer = await fetch(`${kit.url}/v1/chat/completions`, { method: 'HEAD' })
    expect(answer.status).toBe(405)
    expect(answer.headers.get('allow')).toBe('POST')
  })
})

describe('HEAD', () => {
  test.each(['/health', '/readyz', '/.well-known/hpke-keys', '/v1/models'])('works where GET does: %s', async path => {
    const headers = await kit.bearer()
    const answers = await Promise.all(['GET', 'HEAD'].map(method => fetch(kit.url + path, { method, headers })))
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    const [got, head] = answers
    expect(head?.headers.get('content-type')).toBe(got?.headers.get('content-type') ?? '')
    expect(await head?.text()).toBe('')
  })
})

describe('something thrown that nobody foresaw', () => {
  class Speaking extends Error {
    readonly status = 418
    toResponse() {
      return new Response('hunter2', { status: 418 })
    }
  }
  const coded = (code: string) => Object.assign(new Error('hunter2'), { code, status: 418, response: 'hunter2' })

  /** The gate's own wrapping around a route that throws. */
  async function thrownAt(thrown: unknown) {
    const lines: string[] = []
    const log = (...line: unknown[]) => lines.push(JSON.stringify(line))
    const { around, exchangeOf } = observe({
      log,
      now: Date.now,
      idleSeconds: 1,
      proxies: [],
      meters: NO_METERS,
      ended: () => undefined,
    })
    const routes = [{ method: 'GET', path: '/throws' }]
    const app = new Elysia().use(problems({ exchangeOf, routes })).get('/throws', () => {
      throw thrown
    })
    const fetch = around(async request => {
      try {
        return await app.fetch(request)
      } catch (error) {
        return answer(error, exchangeOf(request))
      }
    })
    const answered = await fetch(new Request('http://gateway.test/throws'))
    return { answer: answered, text: await answered.text(), said: lines.join('') }
  }

  test.each<[string, unknown]>([
    ['an error', new Error('hunter2')],
    ['an error with a cause', new Error('hunter2', { cause: new Error('hunter2') })],
    ['an error that would speak for itself', new Speaking('hunter2')],
    ['an error that calls itself NOT_FOUND', coded('NOT_FOUND')],
    ['an error that calls itself VALIDATION', coded('VALIDATION')],
    ['an error that calls itself PARSE', coded('PARSE')],
    ['a text', 'hunter2'],
    ['a number', 404],
    ['nothing', undefined],
    ['null', null],
    ['an object', { message: 'hunter2', status: 418 }],
    ['an answer', new Response('hunter2', { status: 418 })],
  ])('%s is a 500 that says nothing of it', async (_, thrown) => {
    const { answer, text, said } = await thrownAt(thrown)
    expect([answer.status, JSON.parse(text).error.code]).toEqual([500, 'internal'])
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(text + JSON.stringify([...answer.headers])).not.toContain('hunter2')
    expect(said).toContain('"status":500')
    expect(said).not.toContain('hunter2')
  })

  test('a Problem is answered with its own words and headers, and its cause stays here', async () => {
    const cause = new TypeError('hunter2')
    const { answer, text, said } = await thrownAt(
      new Problem('keys_unavailable', 'Try again.', { headers: { 'retry-after': '5' }, cause }),
    )
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('5')
    expect(JSON.parse(text).error).toMatchObject({ message: 'Try again.', code: 'keys_unavailable' })
    expect(said).toContain('TypeError@problems.test.ts')
    expect(text + said).not.toContain('hunter2')
  })
})
