import { afterEach, describe, expect, test } from 'bun:test'
import { oidcProvider } from '../../../src/features/auth/oidc.ts'
import { calls } from '../../../src/upstream/call.ts'
import { clockAt } from '../../kit/clock.ts'
import { type EvilOidc, startEvilOidc } from '../../kit/evil-oidc.ts'
import { signer } from '../../kit/jwt.ts'
import { outcome } from '../../kit/problem.ts'
import { attempt, houseOf, registration, signInAt } from '../../kit/sign-ins.ts'
import { stages } from '../../kit/stage.ts'

const { send } = calls()

const { also, clear } = stages()
afterEach(clear)

const evil = async (options: Parameters<typeof startEvilOidc>[0] = {}) => also(await startEvilOidc(options))

describe('what an issuer publishes', () => {
  test('is asked for once an hour, however many begin at once', async () => {
    const clock = clockAt()
    const server = await evil(clock)
    const house = houseOf(server, 'trusted', clock)
    const count = (path: string) => server.asked.filter(asked => asked === path).length
    await Promise.all([signInAt(house), signInAt(house)])
    await signInAt(house)
    expect([count('/.well-known/openid-configuration'), count('/jwks')]).toEqual([1, 1])
    clock.pass(3_600_000)
    await signInAt(house)
    expect([count('/.well-known/openid-configuration'), count('/jwks')]).toEqual([2, 2])
  })

  test('is asked for again after a failure', async () => {
    const server = await evil()
    const house = houseOf(server)
    server.answers['/.well-known/openid-configuration'] = () => new Response('busy', { status: 503 })
    expect(await outcome(() => house.start(attempt()))).toBe('upstream_malformed')
    delete server.answers['/.well-known/openid-configuration']
    expect((await signInAt(house)).subject).toBe('ada')
  })

  test('is asked for again for a key that is new', async () => {
    const server = await evil()
    const house = houseOf(server)
    await signInAt(house)
    const next = await signer('next')
    server.keys = [next.jwk]
    server.idToken = nonce => next.sign(server.claims(nonce), { typ: 'JWT' })
    expect((await signInAt(house)).subject).toBe('ada')
  })

  test.each<[string, EvilOidc['metadata']]>([
    ['another issuer', { issuer: 'https://elsewhere.example' }],
    ['no place to sign in', { authorization_endpoint: undefined }],
    ['a script to sign in by', { authorization_endpoint: 'javascript:alert(1)' }],
    ['keys in a file', { jwks_uri: 'file:///etc/passwd' }],
    ['a place to sign in that is in the clear', { authorization_endpoint: 'http://login.example/authorize' }],
    ['keys in the clear', { jwks_uri: 'http://login.example/jwks' }],
  ])('of %s cannot be used', async (_, metadata) => {
    const server = await evil()
    server.metadata = metadata
    expect(await outcome(() => houseOf(server).start(attempt()))).toBe('upstream_malformed')
  })

  test('of the same issuer in another spelling cannot be used: accounts go by it', async () => {
    const server = await evil()
    server.metadata = { issuer: `${server.issuer}/` }
    expect(await outcome(() => houseOf(server).start(attempt()))).toBe('upstream_malformed')
  })

  test.each(['token_endpoint', 'userinfo_endpoint'])('of a %s in the clear: nothing is told to that', async name => {
    const server = await evil()
    const asked: string[] = []
    const house = oidcProvider({
      ...registration(server),
      ...{ id: 'house', name: 'The House', issuer: server.issuer, emails: 'required', hasDomains: false },
      send: sent => {
        asked.push(new URL(sent.url).hostname)
        return send(sent)
      },
    })
    server.metadata = { [name]: 'http://login.example/' }
    server.idToken = nonce => server.sign(server.claims(nonce, { email: undefined }))
    expect(await outcome(() => signInAt(house))).toBe('sign_in_failed')
    expect(asked).not.toContain('login.example')
  })

  test.each(['authorization_endpoint', 'token_endpoint', 'jwks_uri'])(
    'behind https of a %s that is not cannot be used, were it on this machine',
    async name => {
      const [issuer, begun, asked] = ['https://login.example', attempt(), [] as string[]]
      const metadata = { authorization_endpoint: issuer, token_endpoint: issuer, jwks_uri: issuer }
      const house = oidcProvider({
        ...registration({ clientId: 'c', clientSecret: 's' }),
        ...{ id: 'house', name: 'The House', issuer, emails: 'required', hasDomains: false },
        send: async ({ url }) => {
          asked.push(new URL(url).protocol)
          return Response.json({ issuer, ...metadata, [name]: 'http://127.0.0.1:1/' })
        },
      })
      const there = outcome(() => house.start(begun))
      expect(await there).toBe(name === 'token_endpoint' ? 'fine' : 'upstream_malformed')
      const query = new URLSearchParams({ state: begun.state, code: 'x' })
      expect(await outcome(() => house.finish(query, begun))).not.toBe('fine')
      expect(asked).not.toContain('http:')
    },
  )

  test('without keys cannot be used', async () => {
    const server = await evil()
    server.answers['/jwks'] = () => Response.json({ keys: 'none' })
    expect(await outcome(() => signInAt(houseOf(server)))).toBe('upstream_malformed')
  })

  test('is unreachable, and so is the token endpoint, where nobody listens', async () => {
    const gone = await startEvilOidc()
    await gone.stop()
    expect(await outcome(() => houseOf(gone).start(attempt()))).toBe('upstream_unreachable')
    const server = await evil()
    server.metadata = { token_endpoint: `${gone.issuer}/token` }
    expect(await outcome(() => signInAt(houseOf(server)))).toBe('upstream_unreachable')
  })

  test('in the clear, from anywhere but this machine, is not asked for', async () => {
    const issuer = 'http://issuer.example'
    const away = houseOf({ issuer, clientId: 'c', clientSecret: 's' })
    expect(await outcome(() => away.start(attempt()))).toBe('upstream_malformed')
  })
})
