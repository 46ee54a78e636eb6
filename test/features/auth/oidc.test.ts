import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { oauthErrorOf } from '../../../src/protocol/log.ts'
import { type EvilOidc, startEvilOidc } from '../../kit/evil-oidc.ts'
import { type FakeOidc, startOidc } from '../../kit/oidc.ts'
import { outcome, problemOf } from '../../kit/problem.ts'
import { attempt, type Emails, houseOf, REDIRECT_URI, signInAt, visit } from '../../kit/sign-ins.ts'
import { stages } from '../../kit/stage.ts'

const { also, clear } = stages()
afterEach(clear)

const evil = async (options: Parameters<typeof startEvilOidc>[0] = {}) => also(await startEvilOidc(options))

describe('oidc-provider', () => {
  let fake: FakeOidc
  beforeAll(async () => {
    fake = await startOidc({
      accounts: {
        ada: {
          email: 'ada@example.com',
          email_verified: true,
          name: 'Ada',
          picture: 'https://a.example/a.png',
          hd: 'a',
        },
        bob: { email: 'bob@example.com', email_verified: false },
        eve: { email: 'eve@ada@example.com', email_verified: true, name: 'E\nve', picture: 'http://e.example/e.png' },
        nobody: {},
      },
    })
  })
  afterEach(() => {
    fake.person = 'ada'
    fake.cancels = false
  })
  afterAll(() => fake.stop())
  const as = (person: string, emails: Emails) => {
    fake.person = person
    return signInAt(houseOf(fake, emails))
  }

  test('is asked for a code with a challenge, a nonce and the scopes of a profile', async () => {
    const begun = attempt()
    const url = await houseOf(fake).start(begun)
    expect(url.href).toStartWith(`${fake.issuer}/auth?`)
    const digest = new Bun.CryptoHasher('sha256').update(begun.verifier).digest('base64url')
    expect(Object.fromEntries(url.searchParams)).toEqual({
      response_type: 'code',
      client_id: fake.clientId,
      redirect_uri: REDIRECT_URI,
      scope: 'openid email profile',
      state: begun.state,
      nonce: begun.nonce,
      code_challenge: digest,
      code_challenge_method: 'S256',
    })
  })

  test('tells who came', async () => {
    expect(await as('ada', 'trusted')).toEqual({
      provider: 'house',
      issuer: fake.issuer,
      subject: 'ada',
      email: 'ada@example.com',
      isProven: true,
      name: 'Ada',
      avatarUrl: 'https://a.example/a.png',
      domain: null,
    })
  })

  test('names a domain only where it is trusted with that', async () => {
    expect((await signInAt(houseOf(fake, 'required', { hasDomains: true }))).domain).toBe('a')
  })

  test.each([
    ['ada', 'told', 'ada@example.com'],
    ['bob', 'told', 'bob@example.com'],
    ['bob', 'trusted', 'bob@example.com'],
    ['eve', 'told', null],
    ['eve', 'trusted', null],
    ['nobody', 'trusted', null],
  ] as const)('%s, whose address is %s, comes in unproven', async (person, emails, email) => {
    expect(await as(person, emails)).toMatchObject({ subject: person, email, isProven: false })
  })

  test('text that does not fit a profile is left out', async () => {
    expect(await as('eve', 'told')).toMatchObject({ name: null, avatarUrl: null })
  })

  test.each(['bob', 'eve', 'nobody'])('%s is refused where a verified address is required', async person => {
    const { code, message } = await problemOf(() => as(person, 'required'))
    expect([code, message]).toEqual(['email_unverified', expect.stringContaining('not verified at The House')])
  })

  test('whoever cancels is told so, in none of its words', async () => {
    fake.cancels = true
    const { code, message } = await problemOf(() => signInAt(houseOf(fake)))
    expect([code, message]).toEqual(['access_denied', expect.stringContaining('You cancelled at The House')])
    expect(message).not.toContain('the person said no')
  })

  test('gives nothing for a code twice, to another verifier, or to another nonce', async () => {
    const [house, begun] = [houseOf(fake), attempt()]
    const query = await visit(house, begun)
    expect((await house.finish(query, begun)).subject).toBe('ada')
    expect(await outcome(() => house.finish(query, begun))).toBe('sign_in_failed')
    for (const name of ['verifier', 'nonce'] as const) {
      const other = { ...begun, [name]: attempt()[name] }
      const again = await visit(house, begun)
      expect(await outcome(() => house.finish(again, other))).toBe('sign_in_failed')
    }
  })

  test('that knows another secret says so to the operator', async () => {
    const { code, cause } = await problemOf(() => signInAt(houseOf({ ...fake, clientSecret: 'other' })))
    expect([code, oauthErrorOf(cause)]).toEqual(['sign_in_failed', 'invalid_client'])
  })

  test('tells by UserInfo who came, where the ID token does not', async () => {
    const other = also(await startOidc({ inIdToken: false }))
    expect(await signInAt(houseOf(other, 'required'))).toMatchObject({ email: 'ada@example.com', isProven: true })
  })
})

describe('an answer in the browser', () => {
  test.each<[string, EvilOidc['callback']]>([
    ['of another issuer', { iss: 'https://elsewhere.example' }],
    ['of no issuer, where one is promised', { iss: undefined }],
    ['of another state', { state: 'another' }],
    ['without a state', { state: undefined }],
    ['without a code', { code: undefined }],
    ['that is an error', { error: 'server_error', error_description: '<b>It broke.</b>' }],
  ])('%s is refused before anything is asked', async (_, callback) => {
    const server = await evil()
    server.callback = callback
    const { code, message } = await problemOf(() => signInAt(houseOf(server)))
    expect([code, message]).toEqual([
      'sign_in_failed',
      'Sign-in failed: The House did not confirm who you are. Sign in again.',
    ])
    expect(server.asked).not.toContain('/token')
  })

  test('needs no issuer where none is promised', async () => {
    const server = await evil()
    server.metadata = { authorization_response_iss_parameter_supported: undefined }
    server.callback = { iss: undefined }
    expect((await signInAt(houseOf(server))).subject).toBe('ada')
  })
})

describe('the secret', () => {
  test.each<[string[] | undefined, string]>([
    [undefined, 'header'],
    [['client_secret_post', 'client_secret_basic'], 'header'],
    [['client_secret_post'], 'body'],
  ])('goes to a server that takes %p in the %s', async (methods, place) => {
    const server = await evil()
    server.metadata = { token_endpoint_auth_methods_supported: methods }
    let said: string | undefined
    server.answers['/token'] = async request => {
      const form = new URLSearchParams(await request.text())
      const basic = Buffer.from(request.headers.get('authorization')?.slice(6) ?? '', 'base64').toString()
      if (basic === `${server.clientId}:${server.clientSecret.replaceAll('-', '%2D').replace(' ', '+')}`)
        said = 'header'
      if (form.get('client_secret') === server.clientSecret) said = said ? 'both' : 'body'
      return new Response(null, { status: 400 })
    }
    expect(await outcome(() => signInAt(houseOf(server)))).toBe('sign_in_failed')
    expect(said).toBe(place)
  })
})

describe('a person', () => {
  test('of whom UserInfo speaks as somebody else is refused', async () => {
    const server = await evil()
    server.metadata = { userinfo_endpoint: `${server.issuer}/me` }
    server.idToken = nonce => server.sign(server.claims(nonce, { email: undefined }))
    server.answers['/me'] = () => Response.json({ sub: 'eve', email: 'ada@example.com', email_verified: true })
    expect(await outcome(() => signInAt(houseOf(server)))).toBe('sign_in_failed')
    server.answers['/me'] = () => Response.json({ sub: 'ada', email: 'ada@example.com', email_verified: true })
    expect(await signInAt(houseOf(server))).toMatchObject({ email: 'ada@example.com', isProven: true })
  })

  test.each(['true', 1, undefined])('whose address is verified by %p is not proven', async email_verified => {
    const server = await evil()
    server.idToken = nonce => server.sign(server.claims(nonce, { email_verified }))
    expect((await signInAt(houseOf(server))).isProven).toBe(false)
  })

  test.each(['', 'x'.repeat(256), 'a\u0000b', 7, null])('of the subject %p is nobody', async sub => {
    const server = await evil()
    server.idToken = nonce => server.sign(server.claims(nonce, { sub }))
    expect(await outcome(() => signInAt(houseOf(server)))).toBe('sign_in_failed')
  })
})
