import { describe, expect, test } from 'bun:test'
import { dev, faultsOf, needed, read } from '../kit/config.ts'

test('inference over plain http is for loopback, or for dev mode', () => {
  const env = { ...needed, TINFOIL_BASE_URL: 'http://enclave.example/v0/' }
  expect(faultsOf(() => read(env))).toEqual([
    'TINFOIL_BASE_URL: "http://enclave.example/v0" would send the key in the clear: use https (http is for loopback)',
  ])
  expect(dev(env).config.TINFOIL_BASE_URL).toBe('http://enclave.example/v0')
  expect(read({ ...needed, TINFOIL_BASE_URL: 'http://[::1]:8080' }).warnings).toEqual([])
})

test('what a proxy is to carry is https, or on this machine', () => {
  const env = { TINFOIL_BASE_URL: 'http://enclave.example', JWKS_URL: 'http://localhost:9000/keys' }
  expect(faultsOf(() => dev({ ...env, UPSTREAM_PROXY: 'http://proxy.example:3128' }))).toEqual([
    'TINFOIL_BASE_URL: "http://enclave.example" is plain http, which UPSTREAM_PROXY does not carry: use https',
  ])
  expect(dev(env).config.UPSTREAM_PROXY).toBeUndefined()
})

test('a key set or discovery over plain http is warned of', () => {
  const { JWKS_URL, ...discovery } = needed
  const warning = 'is plain http: whoever sits on the way can sign in as anyone. Use https'
  expect(read({ ...needed, JWKS_URL: JWKS_URL.replace('s:', ':') }).warnings).toEqual([`JWKS_URL ${warning}`])
  expect(read({ ...discovery, ISSUER: 'http://id.example' }).warnings).toEqual([`ISSUER ${warning}`])
  expect(read({ ...discovery, ISSUER: 'http://localhost:9000' }).warnings).toEqual([])
})

test('an issuer is any text, unless it has to name the keys', () => {
  const { JWKS_URL: _, ...discovery } = needed
  expect(read({ ...needed, ISSUER: 'our sign-in' }).config.ISSUER).toBe('our sign-in')
  expect(dev({ ISSUER: 'our sign-in' }).config.ISSUER).toBe('our sign-in')
  expect(read({ ...discovery, ISSUER: 'https://id.example/' }).config.ISSUER).toBe('https://id.example/')
  expect(faultsOf(() => read({ ...discovery, ISSUER: 'our sign-in' }))).toEqual([
    'ISSUER: "our sign-in" is not an http or https URL without a user, a query or a fragment, so it names no keys: set JWKS_URL',
  ])
})

test('neither an issuer nor an audience is warned of outside dev mode', () => {
  const { ISSUER: _, ...open } = needed
  const warning = 'Neither ISSUER nor AUDIENCES is set: any token of the key set passes, whoever it was meant for'
  expect(read(open).warnings).toEqual([warning])
  expect(read({ ...open, AUDIENCES: 'chat' }).warnings).toEqual([])
  expect(dev({ ...open, ALLOW_PLAINTEXT: 'false' }).warnings).toEqual([])
})

test('a policy without a front end is warned of', () => {
  const policy = { ...needed, FRONTEND_CSP: "default-src 'self'" }
  expect(read(policy).warnings).toEqual(['Without FRONTEND_DIR nothing comes of FRONTEND_CSP: give one, or drop it'])
  expect(read({ ...policy, FRONTEND_DIR: 'dist' }).warnings).toEqual([])
})

describe('several workers', () => {
  test.each<[string, Record<string, string>]>([
    ['have no database in memory', { ...needed, DATABASE_URL: 'sqlite::memory:' }],
    ['are not for dev mode', { DEV_MODE: 'true', DATABASE_URL: 'sqlite:x.db' }],
  ])('%s', (_, env) => {
    expect(read({ ...env, WORKERS: '1' }).config.WORKERS).toBe(1)
    expect(faultsOf(() => read({ ...env, WORKERS: '2' }))).toEqual([expect.stringMatching(/^WORKERS: .+ WORKERS=1$/)])
  })
})
