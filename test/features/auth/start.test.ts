import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { challengeOf, newSecret } from '../../../src/protocol/pkce.ts'
import { Problem } from '../../../src/protocol/problem.ts'
import { clockAt } from '../../kit/clock.ts'
import type { Kit } from '../../kit/gateway.ts'
import { APP, signingIn, standInProvider, toldIn, visitor } from '../../kit/sign-in.ts'

const provider = standInProvider()
const unreachable = {
  ...standInProvider('unreachable'),
  start: () => Promise.reject(new Problem('upstream_unreachable', 'The other server could not be reached.')),
}
const CHALLENGE = challengeOf(newSecret())
let kit: Kit
let bare: Kit
let old: Kit
beforeAll(async () => {
  kit = await signingIn({ providers: [provider, unreachable] }, { now: clockAt().now })
  bare = await signingIn({ frontendUrl: undefined, publicUrl: 'https://gateway.example' })
  old = await signingIn({ sessionInRedirect: true })
})
afterAll(() => Promise.all([kit.stop(), bare.stop(), old.stop()]))

const at = async ({ url }: Kit, query: string, method = 'GET') =>
  visitor({ url }).ask(`/v1/auth/google?${query}`, { method })
const messageOf = async (answer: Response) =>
  ((await answer.json()) as { error: { code: string; message: string } }).error

describe('the providers', () => {
  test('are listed, each with its beginning', async () => {
    expect(await (await fetch(`${kit.url}/v1/auth/providers`)).json()).toEqual({
      providers: [
        { id: 'google', name: 'GOOGLE', url: `${kit.url}/v1/auth/google` },
        { id: 'unreachable', name: 'UNREACHABLE', url: `${kit.url}/v1/auth/unreachable` },
      ],
    })
  })

  test('that are absent have no routes', async () => {
    const missing = await fetch(`${kit.url}/v1/auth/github?code_challenge=${CHALLENGE}`)
    const nowhere = await fetch(`${kit.url}/v1/nowhere`)
    expect([missing.status, await missing.text()]).toEqual([404, await nowhere.text()])
  })

  test('are none without any, and then nobody signs in', async () => {
    const none = await signingIn({ providers: [] })
    expect(await (await fetch(`${none.url}/v1/auth/providers`)).json()).toEqual({ providers: [] })
    for (const [method, path] of [
      ['GET', 'google'],
      ['GET', 'callback'],
      ['POST', 'token'],
    ] as const)
      expect((await fetch(`${none.url}/v1/auth/${path}`, { method })).status).toBe(404)
    await none.stop()
  })
})

describe('a sign-in begins', () => {
  test('with a state, a verifier and a nonce of its own each time, and one cookie', async () => {
    const ada = visitor(kit)
    provider.attempts.length = 0
    await ada.start()
    const cookies = [...ada.cookies]
    await ada.start()
    const secrets = provider.attempts.flatMap(attempt => Object.values(attempt))
    expect(new Set(secrets).size).toBe(6)
    expect([...ada.cookies]).toEqual(cookies)
  })

  test.each([
    ['a callback of the list', `frontend_callback=${APP}/chat&code_challenge=${CHALLENGE}`],
    ['none, at the frontend that is set', `code_challenge=${CHALLENGE}`],
    ['the method S256', `code_challenge_method=S256&code_challenge=${CHALLENGE}`],
    ['parameters that nobody knows, twice', `code_challenge=${CHALLENGE}&redirect_uri=https://evil.example&a=b&a=c`],
  ])('with %s', async (_, query) => {
    const answer = await at(kit, query)
    expect([answer.status, answer.headers.get('location')]).toEqual([302, expect.stringContaining('google.example')])
    expect(answer.headers.get('location')).not.toContain('evil')
  })

  test.each([
    ['no challenge', '', 'code_challenge" is required'],
    ['the method plain', `code_challenge=${CHALLENGE}&code_challenge_method=plain`, 'must be S256'],
    ['another callback', `code_challenge=${CHALLENGE}&frontend_callback=https://evil.example`, 'listed'],
    ['an empty callback', `code_challenge=${CHALLENGE}&frontend_callback=`, 'absolute'],
    ['two callbacks', `code_challenge=${CHALLENGE}&frontend_callback=${APP}&frontend_callback=${APP}`, 'twice'],
  ])('not with %s', async (_, query, word) => {
    const answer = await at(kit, query)
    const { code, message } = await messageOf(answer)
    expect([answer.status, code, message]).toEqual([400, 'invalid_query', expect.stringContaining(word)])
    expect(answer.headers.getSetCookie()).toEqual([])
  })

  test('not without a callback, where no frontend is set', async () => {
    const { message } = await messageOf(await at(bare, `code_challenge=${CHALLENGE}`))
    expect(message).toContain('"frontend_callback" is required')
  })

  test('behind https with a cookie that no neighbour can set', async () => {
    const answer = await at(bare, `code_challenge=${CHALLENGE}&frontend_callback=${APP}`)
    expect(answer.headers.getSetCookie()).toEqual([expect.stringMatching(/^__Host-sealgate-browser=.*; Secure$/)])
  })

  test('not while the provider cannot be reached, and leaves no cookie then', async () => {
    const answer = await visitor(kit).start({}, 'unreachable')
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([502, []])
  })

  test('not by a HEAD, which is told whether a GET would do', async () => {
    provider.attempts.length = 0
    const good = await at(kit, `code_challenge=${CHALLENGE}`, 'HEAD')
    expect([good.status, good.headers.get('location'), good.headers.getSetCookie()]).toEqual([204, null, []])
    expect((await at(kit, '', 'HEAD')).status).toBe(400)
    expect(provider.attempts).toEqual([])
  })

  test('so often for one address, and then no more', async () => {
    const ada = visitor(kit)
    const answers = await Promise.all(Array.from({ length: 21 }, () => ada.start()))
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(1)
  })
})

describe('where sessions may be told in addresses', () => {
  test('a sign-in without a challenge is told its session there', async () => {
    const ada = visitor(old)
    const state = toldIn(await ada.ask('/v1/auth/google')).get('state') ?? ''
    const back = await ada.back({ state, code: 'ada' })
    expect(Object.fromEntries(toldIn(back))).toEqual({
      token: expect.stringMatching(/^sess_[0-9a-f]{32}$/),
      session_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      expires_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      is_new_user: 'true',
    })
    expect([back.headers.get('cache-control'), back.headers.get('referrer-policy')]).toEqual([
      'no-store',
      'no-referrer',
    ])
    const headers = { authorization: `Bearer ${toldIn(back).get('token')}` }
    expect((await fetch(`${old.url}/v1/users/me`, { headers })).status).toBe(200)
    const again = toldIn(await ada.ask('/v1/auth/google')).get('state') ?? ''
    expect([...toldIn(await ada.back({ state: again, code: 'ada' })).keys()]).not.toContain('is_new_user')
  })

  test('a sign-in with a challenge is told a code all the same, and one with a bad challenge nothing', async () => {
    const ada = visitor(old)
    expect((await ada.redeem(await ada.code('ada'))).status).toBe(200)
    expect((await at(old, 'code_challenge=x')).status).toBe(400)
  })
})
