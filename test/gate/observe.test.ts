import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import { ownerOf } from '../../src/protocol/principal.ts'
import { deriveKeys } from '../../src/store/keys.ts'
import { countingUpstream } from '../kit/counting.ts'
import { freshDirectory } from '../kit/directory.ts'
import { ISSUER, startGateway } from '../kit/gateway.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const ID = '0190B0A0-1234-7abc-8def-0123456789ab'

const upstream = countingUpstream(() => Response.json({ answer: 'hunter2-answer' }))
const path = `${freshDirectory()}/sealgate.db`
const kit = await startGateway({ upstream: upstream.url, rpm: 6000, burst: 1000, path })
afterAll(async () => {
  await kit.stop()
  await upstream.stop()
})

interface Line {
  time: string
  level: string
  event: string
  [field: string]: unknown
}

const lines = (): Line[] => kit.lines.map(line => JSON.parse(line))
const ask = async (target: string, init: RequestInit = {}) => {
  const answer = await fetch(kit.url + target, init)
  await answer.arrayBuffer()
  return answer
}
beforeEach(async () => {
  await ask('/v1/models', { headers: await kit.bearer('warm-up') })
  kit.lines.length = 0
  upstream.requests.length = 0
})

/** Waits for the lines that follow an answer's last byte. */
async function settled(count: number): Promise<Line[]> {
  for (let turn = 0; turn < 100 && kit.lines.length < count; turn++) await Bun.sleep(1)
  return lines()
}

describe('every answer', () => {
  test.each<[string, RequestInit, number]>([
    ['/health', {}, 200],
    ['/health', { method: 'HEAD' }, 200],
    ['/readyz', {}, 200],
    ['/.well-known/hpke-keys', {}, 200],
    ['/nothing', {}, 404],
    ['/health', { method: 'POST' }, 405],
    ['/health;x', {}, 400],
    ['/v1/models', {}, 401],
  ])('%s %j carries the protocol’s version and a request id', async (target, init, status) => {
    const [first, second] = [await ask(target, init), await ask(target, init)]
    expect(first.status).toBe(status)
    expect(first.headers.get('x-protocol-version')).toBe('1')
    expect(first.headers.get('x-request-id')).toMatch(UUID)
    expect(first.headers.get('x-request-id')).not.toBe(second.headers.get('x-request-id'))
    const named = await ask(target, { ...init, headers: { 'x-request-id': ID } })
    expect(named.headers.get('x-request-id')).toBe(ID)
  })

  test('keeps the caller’s request id, and so do the upstream and the log', async () => {
    const headers = { ...(await kit.bearer()), 'x-request-id': ID }
    const answer = await ask('/v1/models', { headers })
    expect(answer.headers.get('x-request-id')).toBe(ID)
    expect(upstream.requests.map(request => request.headers.get('x-request-id'))).toEqual([ID])
    expect((await settled(2)).map(({ request }) => request)).toEqual([ID, ID])
  })

  test.each(['hunter2', `${ID}x`, `{${ID}}`, '1', `${ID}, ${ID}`])('has a new id in place of %s', async id => {
    const answer = await ask('/v1/models', { headers: { ...(await kit.bearer()), 'x-request-id': id } })
    const made = answer.headers.get('x-request-id')
    expect(made).toMatch(UUID)
    expect(upstream.requests.map(request => request.headers.get('x-request-id'))).toEqual([made])
    expect(kit.lines.join('')).not.toContain('hunter2')
  })
})

describe('the log', () => {
  test('has one line for a request, and one for its stream', async () => {
    await ask('/v1/models?q=hunter2', { headers: await kit.bearer() })
    const [request, stream, ...more] = await settled(2)
    expect(more).toEqual([])
    const root = Buffer.from((await Bun.file(`${path}.key`).text()).trim(), 'hex')
    const { identity } = deriveKeys({ root, overrides: { identity: undefined } })
    const owner = ownerOf(identity, ISSUER, 'ada').slice(2, 10)
    const [time, ms, id] = [expect.stringMatching(/^\d{4}-.*Z$/), expect.any(Number), expect.stringMatching(UUID)]
    expect(request).toEqual({
      time,
      level: 'info',
      event: 'request',
      method: 'GET',
      route: '/v1/models',
      status: 200,
      ms,
      request: id,
      backend: 'tinfoil',
      owner,
    })
    expect(stream).toEqual({
      time,
      level: 'info',
      event: 'stream',
      ending: 'complete',
      bytes: '{"answer":"hunter2-answer"}'.length,
      first_byte_ms: ms,
      ms,
      request: request?.['request'],
      owner,
    })
  })

  test.each<[string, RequestInit, Partial<Line>]>([
    ['/hunter2', {}, { level: 'warn', route: 'none', status: 404, code: 'not_found' }],
    ['/v1/models', { method: 'PUT' }, { level: 'warn', route: 'none', status: 405, code: 'method_not_allowed' }],
    ['/hunter2;x', {}, { level: 'warn', route: 'none', status: 400, code: 'malformed_target' }],
    ['/v1/models', {}, { level: 'warn', route: '/v1/models', status: 401, code: 'token_missing' }],
    ['/hunter2', { method: 'PROPFIND' }, { level: 'warn', method: 'OTHER', status: 404 }],
    ['/.well-known/hpke-keys', {}, { level: 'info', route: '/.well-known/hpke-keys', status: 200 }],
  ])('has one line for %s %j', async (target, init, line) => {
    await ask(target, init)
    const [said, ...more] = await settled(1)
    expect(said).toMatchObject({ event: 'request', ...line })
    expect(said).not.toHaveProperty('owner')
    expect(more).toEqual([])
    expect(kit.lines.join('')).not.toMatch(/hunter2/i)
  })

  test('is silent on /health and /readyz', async () => {
    for (const target of ['/health', '/readyz', '/health?q=1'])
      for (const method of ['GET', 'HEAD']) await ask(target, { method })
    await ask('/nothing')
    expect((await settled(1)).map(({ status }) => status)).toEqual([404])
  })

  test('says no word of tokens, identities, queries, bodies or headers', async () => {
    const { authorization } = await kit.bearer('hunter2-subject')
    const headers = {
      authorization,
      'content-type': 'application/hunter2-type',
      accept: 'hunter2-accept',
      'user-agent': 'hunter2-agent',
      cookie: 'hunter2-cookie=1',
      referer: 'https://hunter2-referer.example/',
      'x-forwarded-for': 'hunter2-address',
    }
    await ask('/v1/chat/completions?key=hunter2-query', { method: 'POST', headers, body: '{"hunter2":"body"}' })
    await ask('/v1/models', { headers: { ...headers, authorization: `${authorization}x` } })
    await ask('/v1/models', { headers: { ...headers, authorization: 'Bearer hunter2.token.x' } })
    const said = (await settled(4)).map(({ event, status }) => [event, status])
    expect(said).toEqual([
      ['request', 200],
      ['stream', undefined],
      ['request', 401],
      ['request', 401],
    ])
    const text = kit.lines.join('')
    for (const secret of ['hunter2', authorization.slice(7, 60), ISSUER]) expect(text).not.toContain(secret)
  })

  test('names an error of ours by its code and its cause, and is an error', async () => {
    const lost = await startGateway({ upstream: 'http://127.0.0.1:1' })
    await fetch(`${lost.url}/v1/models`, { headers: await lost.bearer() })
    const said: Line[] = lost.lines.map(line => JSON.parse(line))
    await lost.stop()
    expect(said.filter(({ event }) => event === 'request')).toMatchObject([
      { level: 'error', status: 502, code: 'upstream_unreachable', fault: expect.stringContaining('ECONNREFUSED') },
    ])
  })
})
