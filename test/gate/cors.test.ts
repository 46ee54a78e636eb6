import { afterEach, describe, expect, test } from 'bun:test'
import { answerBytes, stages } from '../kit/stage.ts'

const { set, clear } = stages()
afterEach(clear)

const OK = answerBytes('200 OK', { 'Access-Control-Allow-Origin': '*', Vary: 'x' }, 'ok')
const PAGE = 'https://app.example.com'
const origins = ['https://app.example.com', 'https://*.example.org']

function preflight(url: string, origin: string, method = 'POST', headers?: string) {
  return fetch(url, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': method,
      ...(headers && { 'access-control-request-headers': headers }),
    },
  })
}

describe('a preflight', () => {
  test('of a page on the list needs no token, and is told what it may send and for how long', async () => {
    const { kit, upstream } = await set(OK, { origins })
    const wanted = 'authorization, content-type, Ehbp-Encapsulated-Key, x-tinfoil-enclave-url, x-stainless-os, x-evil'
    const answer = await preflight(`${kit.url}/v1/chat/completions`, PAGE, 'POST', wanted)
    expect(answer.status).toBe(204)
    expect(answer.headers.get('access-control-allow-origin')).toBe(PAGE)
    expect(answer.headers.get('access-control-allow-methods')).toBe('POST')
    expect(answer.headers.get('access-control-max-age')).toBe('7200')
    expect(answer.headers.get('access-control-allow-headers')).toBe(
      'authorization, content-type, ehbp-encapsulated-key, x-tinfoil-enclave-url, x-stainless-os',
    )
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
    expect(answer.headers.get('vary')).toBe('Origin, Access-Control-Request-Headers')
    expect(upstream.wires).toEqual([])
  })

  test('is told the methods of its route, and is a 404 where there is none', async () => {
    const { kit } = await set(OK, { origins })
    const models = await preflight(`${kit.url}/v1/models`, 'https://a.example.org', 'GET')
    expect(models.headers.get('access-control-allow-methods')).toBe('GET, HEAD')
    expect((await preflight(`${kit.url}/v1/nothing`, PAGE)).status).toBe(404)
  })

  test.each([
    'https://evilexample.org',
    'https://example.org',
    'http://app.example.com',
    'null',
    'https://a.b.example.org',
  ])('of %s is told nothing', async origin => {
    const { kit } = await set(OK, { origins })
    const answer = await preflight(`${kit.url}/v1/chat/completions`, origin, 'POST', 'authorization')
    expect(answer.status).toBe(405)
    expect([...answer.headers.keys()].filter(name => name.startsWith('access-control-'))).toEqual([])
    expect(answer.headers.get('vary')).toBe('Origin')
  })
})

describe('an answer', () => {
  test('to a page on the list may be read, its headers too; errors as well', async () => {
    const { kit, get } = await set(OK, { origins })
    const good = await get({ headers: { origin: PAGE } })
    const bad = await fetch(`${kit.url}/v1/models`, { headers: { origin: PAGE } })
    const lost = await fetch(`${kit.url}/v1/models;x`, { headers: { origin: PAGE } })
    expect([good.status, bad.status, lost.status]).toEqual([200, 401, 400])
    for (const { headers } of [good, bad, lost]) {
      expect(headers.get('access-control-allow-origin')).toBe(PAGE)
      expect(headers.get('vary')).toBe('Origin')
      const exposed = headers.get('access-control-expose-headers')?.split(', ')
      expect(exposed).toContain('ehbp-response-nonce')
      expect(exposed).toContain('retry-after-ms')
      expect(exposed).toContain('x-ratelimit-remaining-requests')
      expect(exposed).toContain('x-sealgate-body')
    }
  })

  test('to another page is marked for none', async () => {
    const { get } = await set(OK, { origins })
    const answer = await get({ headers: { origin: 'https://evil.example' } })
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
    expect(answer.headers.get('vary')).toBe('Origin')
  })

  test('does not speak of origins where none is configured', async () => {
    const { get } = await set(OK)
    const answer = await get({ headers: { origin: PAGE } })
    expect(answer.headers.get('vary')).toBeNull()
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
  })
})
