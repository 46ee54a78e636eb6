import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { oidcProvider } from '../../src/features/auth/oidc.ts'
import type { Provider } from '../../src/features/auth/provider.ts'
import { clockAt } from '../kit/clock.ts'
import { type EvilOidc, startEvilOidc } from '../kit/evil-oidc.ts'
import { part, type Signer, signer } from '../kit/jwt.ts'
import { outcome } from '../kit/problem.ts'
import { registration, signInAt } from '../kit/sign-ins.ts'

const clock = clockAt()
const seconds = clock.now() / 1000

let evil: EvilOidc
let mallory: Signer
let provider: Provider

beforeAll(async () => {
  evil = await startEvilOidc(clock)
  mallory = await signer('good')
  const trust = { emails: 'required', hasDomains: true } as const
  const { issuer } = evil
  provider = oidcProvider({ ...registration(evil, clock.now), id: 'google', name: 'Google', issuer, ...trust })
})
afterAll(() => evil.stop())

type Forged = (nonce: string) => string | Promise<string>

/** A token like the honest one, but for these claims, and for this header. */
const but = (claims: object, header?: Record<string, unknown>): Forged => {
  return nonce => evil.sign(evil.claims(nonce, { ...claims }), header)
}
const withSecret =
  (secret: () => string, header: object = {}): Forged =>
  nonce => {
    const signed = `${part({ alg: 'HS256', typ: 'JWT', ...header })}.${part(evil.claims(nonce))}`
    return `${signed}.${createHmac('sha256', secret()).update(signed).digest('base64url')}`
  }
const tampered: Forged = async nonce => {
  const [header, , signature] = (await evil.sign(evil.claims(nonce))).split('.')
  return `${header}.${part(evil.claims(nonce, { sub: 'admin' }))}.${signature}`
}

const FORGED: [string, Forged][] = [
  ['of alg none', nonce => `${part({ alg: 'none', typ: 'JWT' })}.${part(evil.claims(nonce))}.`],
  ['of alg none with a signature', but({}, { alg: 'none' })],
  ['of no alg', but({}, { alg: undefined })],
  ['of HS256 with the client secret', withSecret(() => evil.clientSecret)],
  ['of HS256 with the public key', withSecret(() => JSON.stringify(evil.signer.jwk), { kid: 'good' })],
  ['of RS256 by an EC key', but({}, { alg: 'RS256' })],
  ['by another key of the same kid', nonce => mallory.sign(evil.claims(nonce), { typ: 'JWT' })],
  ['by a key it brings along', nonce => mallory.sign(evil.claims(nonce), { jwk: mallory.jwk, kid: undefined })],
  ['of a kid that is not published', but({}, { kid: 'other' })],
  ['of a kid that is no text', but({}, { kid: 7 })],
  ['with an extension that must be understood', but({}, { crit: ['x'], x: 1 })],
  ['whose claims were changed', tampered],
  ['without a signature', async nonce => (await evil.sign(evil.claims(nonce))).replace(/[^.]*$/, '')],
  ['of two parts', async nonce => (await evil.sign(evil.claims(nonce))).replace(/\.[^.]*$/, '')],
  ['of another issuer', but({ iss: 'https://accounts.google.com' })],
  ['of no issuer', but({ iss: undefined })],
  ['for another client', but({ aud: 'other' })],
  ['for nobody', but({ aud: undefined })],
  ['for several, and issued to none', but({ aud: ['sealgate', 'other'] })],
  ['for several, and issued to another', but({ aud: ['sealgate', 'other'], azp: 'other' })],
  ['issued to another', but({ azp: 'other' })],
  ['of another nonce', but({ nonce: 'other' })],
  ['of no nonce', but({ nonce: undefined })],
  ['that has expired', but({ exp: seconds - 31 })],
  ['that never expires', but({ exp: undefined })],
  ['that expires in words', but({ exp: 'never' })],
  ['that is not valid yet', but({ nbf: seconds + 31 })],
  ['of no time', but({ iat: undefined })],
  ['of nobody', but({ sub: undefined })],
]

describe('an ID token', () => {
  test.each(FORGED)('%s is refused, and an honest one after it is not', async (_, forged) => {
    const honest = evil.idToken
    evil.idToken = forged
    const judged = await outcome(() => signInAt(provider))
    evil.idToken = honest
    expect(judged).toBe('sign_in_failed')
    expect(await signInAt(provider)).toMatchObject({ subject: 'ada', isProven: true })
  })

  test('of no kid is refused where it might be of two keys, and read where there is one', async () => {
    const other = await signer('other')
    const servers = await Promise.all([startEvilOidc(clock), startEvilOidc(clock)])
    const judged = servers.map((server, at) => {
      if (at === 0) server.keys.push(other.jwk)
      server.idToken = nonce => server.sign(server.claims(nonce), { kid: undefined })
      const { issuer } = server
      const options = { ...registration(server, clock.now), id: 'oidc', name: 'The House', issuer }
      return outcome(() => signInAt(oidcProvider({ ...options, emails: 'told', hasDomains: false })))
    })
    expect(await Promise.all(judged)).toEqual(['sign_in_failed', 'fine'])
    await Promise.all(servers.map(server => server.stop()))
  })

  test('by a secret that is published as a key is refused', async () => {
    const server = await startEvilOidc(clock)
    server.keys = [{ kty: 'oct', kid: 'good', alg: 'HS256', k: Buffer.from('known to all').toString('base64url') }]
    server.idToken = withSecret(() => 'known to all', { kid: 'good' })
    const { issuer } = server
    const options = { ...registration(server, clock.now), id: 'oidc', name: 'The House', issuer }
    const house = oidcProvider({ ...options, emails: 'told', hasDomains: false })
    expect(await outcome(() => signInAt(house))).toBe('sign_in_failed')
    await server.stop()
  })

  test('that is missing is no sign-in', async () => {
    evil.answers['/token'] = () => Response.json({ access_token: 'a', token_type: 'Bearer' })
    const judged = await outcome(() => signInAt(provider))
    delete evil.answers['/token']
    expect(judged).toBe('sign_in_failed')
  })
})
