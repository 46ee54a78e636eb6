import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { countingUpstream } from '../kit/counting.ts'
import { AUDIENCE, ISSUER, type Kit, startGateway, UPSTREAM_KEY } from '../kit/gateway.ts'
import { publish, signer } from '../kit/jwt.ts'

const [one, stranger] = [await signer('one'), await signer('one')]
const upstream = countingUpstream()
const trap = countingUpstream()
const published = publish(one.jwk)
const soon = () => Math.floor(Date.now() / 1000) + 600

let kit: Kit
beforeAll(async () => {
  kit = await startGateway({ upstream: upstream.url, jwksUrl: published.url })
})
afterAll(async () => {
  await kit.stop()
  await Promise.all([upstream, trap, published].map(server => server.stop()))
})

const claims = (more: object = {}) => ({
  iss: ISSUER,
  aud: AUDIENCE,
  sub: 'ada',
  scope: 'inference',
  exp: soon(),
  ...more,
})
const ask = (authorization?: string, path = '/v1/models') =>
  fetch(kit.url + path, authorization === undefined ? {} : { headers: { authorization } })
const codeOf = async (answer: Response) => ((await answer.json()) as { error: { code: string } }).error.code

describe('a caller with a good token', () => {
  test.each(['Bearer', 'bearer', 'BEARER'])('is let in as %s, and our key goes up in place of theirs', async scheme => {
    upstream.requests.length = 0
    const token = await one.sign(claims())
    expect((await ask(`${scheme} ${token}`)).status).toBe(200)
    const [request] = upstream.requests
    expect(request?.headers.get('authorization')).toBe(`Bearer ${UPSTREAM_KEY}`)
    expect(JSON.stringify([...(request?.headers ?? [])])).not.toContain(token)
  })

  test.each([{ scope: 'other inference' }, { scope: ['other', 'inference'] }])('may have it as %j', async scope => {
    expect((await ask(`Bearer ${await one.sign(claims(scope))}`)).status).toBe(200)
  })

  test('may bring keys and URLs in its header, which nobody looks at', async () => {
    const hints = { jku: trap.url, x5u: trap.url, jwk: stranger.jwk, x5c: ['AA=='] }
    expect((await ask(`Bearer ${await one.sign(claims(), hints)}`)).status).toBe(200)
    const forged = await ask(`Bearer ${await stranger.sign(claims(), hints)}`)
    expect(await codeOf(forged)).toBe('token_bad_signature')
    expect(trap.requests).toHaveLength(0)
  })
})

describe('a caller without a token', () => {
  test.each(['/v1/models'])('is challenged without a reproach on %s', async path => {
    const answer = await ask(undefined, path)
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBe('Bearer')
    expect(await codeOf(answer)).toBe('token_missing')
  })

  test('is challenged before the body is read or sent on', async () => {
    upstream.requests.length = 0
    const answer = await fetch(`${kit.url}/v1/chat/completions`, { method: 'POST', body: '{' })
    expect(answer.status).toBe(401)
    expect(upstream.requests).toHaveLength(0)
  })

  test('is not let in by a token anywhere else', async () => {
    const token = await one.sign(claims())
    const headers = { cookie: `token=${token}`, 'x-api-key': token, 'proxy-authorization': `Bearer ${token}` }
    const answer = await fetch(`${kit.url}/v1/models?access_token=${token}`, { headers })
    expect(answer.status).toBe(401)
  })
})

describe('a caller with a bad token', () => {
  test.each<[string, string, () => Promise<string>]>([
    ['no JWT', 'token_malformed', async () => 'hunter2'],
    ['another algorithm', 'token_malformed', () => one.sign(claims(), { alg: 'none' })],
    ['an extension', 'token_malformed', () => one.sign(claims(), { crit: ['x'] })],
    ['an unknown key', 'token_unknown_key', () => one.sign(claims(), { kid: 'hunter2' })],
    ['a forged signature', 'token_bad_signature', () => stranger.sign(claims())],
    ['an exp long past', 'token_expired', () => one.sign(claims({ exp: 1 }))],
    [
      'an exp at the end of time',
      'token_malformed',
      () => one.sign(JSON.stringify(claims({ exp: 7 })).replace('7', '1e999')),
    ],
    ['an nbf ahead', 'token_not_yet_valid', () => one.sign(claims({ nbf: soon() }))],
    ['another issuer', 'token_wrong_issuer', () => one.sign(claims({ iss: 'https://evil.example' }))],
    ['another audience', 'token_wrong_audience', () => one.sign(claims({ aud: 'theirs' }))],
    ['no subject', 'token_malformed', () => one.sign(claims({ sub: '' }))],
  ])('with %s is told so: %s', async (_, code, sign) => {
    upstream.requests.length = 0
    const token = await sign()
    const answer = await ask(`Bearer ${token}`)
    const text = await answer.text()
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"')
    expect(JSON.parse(text)).toMatchObject({ error: { type: 'authentication_error', code } })
    expect(text).not.toContain(token)
    expect(text).not.toContain('hunter2')
    expect(upstream.requests).toHaveLength(0)
  })
})

describe('a caller who may do other things', () => {
  test.each([
    { scope: 'other' },
    { scope: '' },
    { scope: undefined },
    { scope: [] },
    { scope: ['inference other'] },
    { scope: 'inference,other' },
    { scope: 'Inference' },
    { scope: 'inferences' },
  ])('with %j may not do this', async scope => {
    upstream.requests.length = 0
    const answer = await ask(`Bearer ${await one.sign(claims(scope))}`)
    expect(answer.status).toBe(403)
    expect(answer.headers.get('www-authenticate')).toBe('Bearer error="insufficient_scope", scope="inference"')
    expect(await answer.json()).toMatchObject({ error: { type: 'permission_error', code: 'insufficient_scope' } })
    expect(upstream.requests).toHaveLength(0)
  })
})

test('an outage of the key set is not the caller’s fault', async () => {
  const away = publish()
  away.answer = () => new Response(null, { status: 500 })
  const lonely = await startGateway({ upstream: upstream.url, jwksUrl: away.url })
  const answer = await fetch(`${lonely.url}/v1/models`, {
    headers: { authorization: `Bearer ${await one.sign(claims())}` },
  })
  expect(answer.status).toBe(503)
  expect(answer.headers.has('www-authenticate')).toBe(false)
  expect(await codeOf(answer)).toBe('keys_unavailable')
  await lonely.stop()
  await away.stop()
})
