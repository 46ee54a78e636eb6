import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { openIdIssuer } from '../../../src/features/auth/issuer.ts'
import { oauthClient } from '../../../src/features/auth/oauth.ts'
import { clockAt } from '../../kit/clock.ts'
import { type EvilOidc, startEvilOidc } from '../../kit/evil-oidc.ts'
import { part } from '../../kit/jwt.ts'
import { registration } from '../../kit/sign-ins.ts'

// Not behind the library, which looks at much of this as well.
describe('an ID token', () => {
  const clock = clockAt()
  const seconds = clock.now() / 1000
  let evil: EvilOidc
  let verify: ReturnType<typeof openIdIssuer>['verify']
  beforeAll(async () => {
    evil = await startEvilOidc(clock)
    const registered = registration(evil, clock.now)
    const client = oauthClient(registered, new URL(evil.issuer))
    verify = openIdIssuer({ ...registered, name: 'The House', issuer: evil.issuer, client }).verify
  })
  afterAll(() => evil.stop())

  test.each<[string, object]>([
    ['as it should be', {}],
    ['that expired less than 30 s ago', { exp: seconds - 29 }],
    ['that is of use in less than 30 s', { nbf: seconds + 29 }],
    ['that was issued to this client', { azp: 'sealgate' }],
  ])('%s tells its claims', async (_, claims) => {
    expect(await verify(await evil.sign(evil.claims('n', { ...claims })))).toMatchObject({ sub: 'ada', ...claims })
  })

  test.each<[string, object, string]>([
    ['of another issuer', { iss: 'https://elsewhere.example' }, 'ERR_JWT_CLAIM_VALIDATION_FAILED'],
    ['for another client', { aud: 'other' }, 'ERR_JWT_CLAIM_VALIDATION_FAILED'],
    ['that expired 30 s ago', { exp: seconds - 31 }, 'ERR_JWT_EXPIRED'],
    ['that never ends', { exp: undefined }, 'ERR_JWT_CLAIM_VALIDATION_FAILED'],
    ['that is of use later', { nbf: seconds + 31 }, 'ERR_JWT_CLAIM_VALIDATION_FAILED'],
    ['of nobody', { sub: undefined }, 'ERR_JWT_CLAIM_VALIDATION_FAILED'],
  ])('%s is refused', async (_, claims, code) => {
    const token = await evil.sign(evil.claims('n', { ...claims }))
    expect(await verify(token).catch(error => error)).toMatchObject({ code })
  })

  test('by the client secret is refused for its algorithm, before a key is looked for', async () => {
    const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(evil.claims('n'))}`
    const token = `${signed}.${createHmac('sha256', evil.clientSecret).update(signed).digest('base64url')}`
    expect(await verify(token).catch(error => error)).toMatchObject({ code: 'ERR_JOSE_ALG_NOT_ALLOWED' })
  })
})
