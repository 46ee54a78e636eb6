import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { githubProvider } from '../../../src/features/auth/github.ts'
import type { Provider } from '../../../src/features/auth/provider.ts'
import { oauthErrorOf } from '../../../src/protocol/log.ts'
import { ADA, type FakeGithub, startGithub } from '../../kit/github.ts'
import { outcome, problemOf } from '../../kit/problem.ts'
import { attempt, REDIRECT_URI, registration, signInAt, visit } from '../../kit/sign-ins.ts'

let fake: FakeGithub
let github: Provider

beforeAll(() => {
  fake = startGithub()
  github = githubProvider({ ...registration(fake), base: fake.base })
})
afterEach(() => {
  fake.account = ADA
  fake.cancels = false
  for (const path of Object.keys(fake.answers)) delete fake.answers[path]
})
afterAll(() => fake.stop())

const someone = (user: object, emails: unknown = ADA.emails) => {
  fake.account = { user: { ...ADA.user, ...user }, emails }
  return signInAt(github)
}

describe('GitHub', () => {
  test('is asked for a code with a challenge, at its own address', async () => {
    const begun = attempt()
    const url = await githubProvider({ ...registration(fake), base: undefined }).start(begun)
    expect(url.origin + url.pathname).toBe('https://github.com/login/oauth/authorize')
    expect(Object.fromEntries(url.searchParams)).toEqual({
      response_type: 'code',
      client_id: fake.clientId,
      redirect_uri: REDIRECT_URI,
      scope: 'read:user user:email',
      state: begun.state,
      code_challenge: new Bun.CryptoHasher('sha256').update(begun.verifier).digest('base64url'),
      code_challenge_method: 'S256',
    })
  })

  test('tells who came, by number and verified primary address', async () => {
    expect(await signInAt(github)).toEqual({
      provider: 'github',
      issuer: `${fake.base}/login/oauth`,
      subject: '4711',
      email: 'ada@example.com',
      isProven: true,
      name: 'Ada',
      avatarUrl: 'https://avatars.example/u/4711',
      domain: null,
    })
  })

  test.each<[string, unknown, string]>([
    [
      'an unverified primary one and a verified one',
      [
        { email: 'first@example.com', primary: true, verified: false },
        { email: 'second@example.com', primary: false, verified: true },
      ],
      'second@example.com',
    ],
    [
      'two @s in the primary one',
      [
        { email: 'ada@example.com@evil.example', primary: true, verified: true },
        { email: 'second@example.com', primary: false, verified: true },
      ],
      'second@example.com',
    ],
  ])('of somebody with %s takes the other', async (_, emails, email) => {
    expect(await someone({}, emails)).toMatchObject({ email, isProven: true })
  })

  test.each<[string, unknown]>([
    ['none', []],
    ['an unverified one', [{ email: 'ada@example.com', primary: true, verified: false }]],
    ['one that is verified by a word', [{ email: 'ada@example.com', primary: true, verified: 'true' }]],
    ['one with two @s', [{ email: 'ada@example.com@evil.example', primary: true, verified: true }]],
    ['one that is no text', [null, { email: 7, primary: true, verified: true }]],
  ])('refuses who has no address but %s', async (_, emails) => {
    const { code, message } = await problemOf(() => someone({}, emails))
    expect([code, message]).toEqual(['email_unverified', expect.stringContaining('not verified at GitHub')])
  })

  test.each([undefined, null, 0, -1, 1.5, '4711', 2 ** 53])('refuses the id %p', async id => {
    expect(await outcome(() => someone({ id }))).toBe('sign_in_failed')
  })

  test.each([
    { name: null, avatar_url: null },
    { name: 'x'.repeat(256), avatar_url: 'http://avatars.example/1' },
    { name: 'A\u001bda', avatar_url: 'javascript:alert(1)' },
  ])('leaves out what does not fit a profile: %p', async user => {
    expect(await someone(user)).toMatchObject({ subject: '4711', name: null, avatarUrl: null })
  })

  test('says with status 200 that a code is used or a verifier wrong, and both are refused', async () => {
    const begun = attempt()
    const query = await visit(github, begun)
    expect((await github.finish(query, begun)).subject).toBe('4711')
    const { code, message, cause } = await problemOf(() => github.finish(query, begun))
    expect([code, message, oauthErrorOf(cause)]).toEqual([
      'sign_in_failed',
      'Sign-in failed: GitHub did not confirm who you are. Sign in again.',
      'bad_verification_code',
    ])
    const again = await visit(github, begun)
    expect(await outcome(() => github.finish(again, { ...begun, verifier: attempt().verifier }))).toBe('sign_in_failed')
  })

  test('that knows another secret says so to the operator', async () => {
    const other = githubProvider({ ...registration({ ...fake, clientSecret: 'other' }), base: fake.base })
    const { code, cause } = await problemOf(() => signInAt(other))
    expect([code, oauthErrorOf(cause)]).toEqual(['sign_in_failed', 'incorrect_client_credentials'])
  })

  test('is not believed of another state', async () => {
    const query = await visit(github, attempt())
    expect(await outcome(() => github.finish(query, attempt()))).toBe('sign_in_failed')
  })

  test('tells whoever cancels so', async () => {
    fake.cancels = true
    const { code, message } = await problemOf(() => signInAt(github))
    expect([code, message]).toEqual(['access_denied', expect.stringContaining('You cancelled at GitHub')])
  })

  test.each([
    ['/user', () => Response.json(ADA.user, { status: 500 })],
    ['/user', () => new Response('{')],
    ['/user/emails', () => Response.json(ADA.emails, { status: 404 })],
    ['/user/emails', () => Response.json({})],
  ])('refuses when %s is not answered', async (path, answer) => {
    fake.answers[path] = answer
    expect(await outcome(() => signInAt(github))).toBe('sign_in_failed')
  })

  test('is unreachable where nobody listens', async () => {
    const gone = startGithub()
    const house = githubProvider({ ...registration(gone), base: gone.base })
    const begun = attempt()
    const query = await visit(house, begun)
    await gone.stop()
    expect(await outcome(() => house.finish(query, begun))).toBe('upstream_unreachable')
  })
})
