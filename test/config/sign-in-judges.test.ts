import { describe, expect, test } from 'bun:test'
import { readConfig } from '../../src/config.ts'
import { dev, faultsOf, marked, needed, read, readFile } from '../kit/config.ts'

const places = {
  PUBLIC_URL: 'https://gate.example',
  FRONTEND_URL: 'https://app.example',
  CORS_ALLOWED_ORIGINS: 'https://app.example',
  TRUSTED_PROXIES: '10.0.0.0/8',
}
const google = { GOOGLE_CLIENT_ID: 'g-id', GOOGLE_CLIENT_SECRET: marked }
const github = { GITHUB_CLIENT_ID: 'h-id', GITHUB_CLIENT_SECRET: marked }
const oidc = { OIDC_ISSUER: 'https://id.example/tenant/', OIDC_CLIENT_ID: 'o-id', OIDC_CLIENT_SECRET: marked }
/** All that a gateway needs which takes no JWT. */
const enough = { TINFOIL_API_KEY: 'tk', ...places, ...google }

type Env = Record<string, string>
const warned = (env: Env) => read(env).warnings
const faulted = (env: Env) => faultsOf(() => read(env))

describe('a sign-in provider', () => {
  test.each([
    ['Google', google],
    ['GitHub', github],
    ['another', oidc],
    ['all', { ...google, ...github, ...oidc }],
  ])('does without a key set, and nothing is warned of: %s', (_, provider) => {
    const { config, warnings } = read({ TINFOIL_API_KEY: 'tk', ...places, ...provider })
    expect([config.JWKS_URL, config.ISSUER, warnings]).toEqual([undefined, undefined, []])
    expect(dev({ ...places, ...provider }).warnings).toEqual([])
  })

  test('is told its issuer exactly as it is written, and its secret is one', () => {
    const { config } = read({ ...needed, ...places, ...oidc })
    expect(config.OIDC_ISSUER).toBe('https://id.example/tenant/')
    expect([`${config.OIDC_CLIENT_SECRET}`, config.OIDC_CLIENT_SECRET?.reveal()]).toEqual(['[secret]', marked])
  })

  test('does not keep audiences from being given', () => {
    expect(warned({ ...enough, AUDIENCES: 'chat' })).toEqual([])
  })

  test.each<[Env, string]>([
    [{ GOOGLE_CLIENT_ID: 'id' }, 'GOOGLE_CLIENT_ID needs GOOGLE_CLIENT_SECRET: give all of them, or none'],
    [{ GITHUB_CLIENT_SECRET_FILE: '/key' }, 'GITHUB_CLIENT_SECRET needs GITHUB_CLIENT_ID: give all of them, or none'],
    [
      { OIDC_ISSUER: 'https://id.example' },
      'OIDC_ISSUER needs OIDC_CLIENT_ID and OIDC_CLIENT_SECRET: give all of them, or none',
    ],
    [
      { OIDC_CLIENT_ID: 'id', OIDC_CLIENT_SECRET: marked },
      'OIDC_CLIENT_ID and OIDC_CLIENT_SECRET need OIDC_ISSUER: give all of them, or none',
    ],
  ])('that is given by halves is a fault, in dev mode too: %j', (half, fault) => {
    expect(faulted({ ...needed, ...places, ...half })).toEqual([fault])
    expect(faultsOf(() => dev({ ...places, ...half }))).toEqual([fault])
  })

  test('whose secret cannot be understood is that fault alone', () => {
    expect(faulted({ ...enough, GOOGLE_CLIENT_SECRET: `${marked} ` })).toEqual([
      'GOOGLE_CLIENT_SECRET is not visible ASCII without blanks around it',
    ])
  })

  test('without the places that a sign-in passes is a fault for each, and any setting of the front end will do', () => {
    expect(faulted({ ...needed, ...google })).toEqual([
      'PUBLIC_URL is required with a sign-in provider: the address of this gateway in browsers',
      'FRONTEND_URL is required with a sign-in provider (or FRONTEND_CALLBACK_ALLOWED_ORIGINS, or FRONTEND_DIR): where a sign-in returns',
    ])
    const { FRONTEND_URL: origin, ...others } = enough
    expect(warned({ ...others, FRONTEND_CALLBACK_ALLOWED_ORIGINS: origin })).toEqual([])
    expect(warned({ ...others, FRONTEND_DIR: 'dist' })).toEqual([])
  })

  test('that is missing where the places are given is warned of', () => {
    expect(warned({ ...needed, ...places })).toEqual([
      'Without a sign-in provider (GOOGLE_CLIENT_ID, GITHUB_CLIENT_ID, OIDC_ISSUER) nothing comes of PUBLIC_URL and FRONTEND_URL: give one, or drop them',
    ])
  })

  test('that is missing is no matter where the address is that of a front end', () => {
    expect(warned({ ...needed, PUBLIC_URL: places.PUBLIC_URL, FRONTEND_DIR: 'dist' })).toEqual([])
  })

  test('is no matter for a subcommand', () => {
    const env = { GOOGLE_CLIENT_ID: 'id', PUBLIC_URL: 'http://gate.example' }
    expect(readConfig({ env, argv: [], readFile, only: ['HOST', 'PORT'] }).warnings).toEqual([])
  })
})

describe('an address of sign-in', () => {
  const clear = 'would send sign-ins in the clear: use https (http is for loopback)'

  test.each(['PUBLIC_URL', 'FRONTEND_URL', 'OIDC_ISSUER'])('is encrypted beyond loopback: %s', key => {
    const env = { ...enough, ...oidc, CORS_ALLOWED_ORIGINS: 'https://app.example, http://127.0.0.1:3000' }
    expect(faulted({ ...env, [key]: 'http://h.example' })).toEqual([`${key}: "http://h.example" ${clear}`])
    expect(warned({ ...env, [key]: 'http://127.0.0.1:3000' })).toEqual([])
  })

  test('is encrypted on the list too', () => {
    const env = { ...enough, FRONTEND_CALLBACK_ALLOWED_ORIGINS: 'https://app.example, http://b.example' }
    expect(faulted(env)).toEqual([`FRONTEND_CALLBACK_ALLOWED_ORIGINS: "http://b.example" ${clear}`])
  })

  test.each<[string, string, string]>([
    ['PUBLIC_URL', 'https://gate.example/?a', 'is not an http or https URL without a user, a query or a fragment'],
    ['FRONTEND_URL', 'app.example', 'is not an http or https URL without a user, a query or a fragment'],
    ['OIDC_ISSUER', 'https://id.example/#a', 'is not an http or https URL without a user, a query or a fragment'],
    ['FRONTEND_CALLBACK_ALLOWED_ORIGINS', 'https://*.example.com', 'is not a list of origins like'],
    ['FRONTEND_CALLBACK_ALLOWED_ORIGINS', 'https://app.example:443', 'is not a list of origins like'],
  ])('that is none is one fault: %s=%s', (key, value, fault) => {
    expect(faulted({ ...enough, ...oidc, [key]: value })).toEqual([expect.stringContaining(fault)])
  })

  test('of the gateway does not hold the path that is added to it', () => {
    expect(faulted({ ...enough, PUBLIC_URL: 'https://gate.example/v1/auth/callback' })).toEqual([
      'PUBLIC_URL ends in /v1/auth/callback, which is added to it: give what stands before that',
    ])
  })

  test('of the front end is on the list, where there is one', () => {
    expect(faulted({ ...enough, FRONTEND_CALLBACK_ALLOWED_ORIGINS: 'https://b.example' })).toEqual([
      'FRONTEND_URL is on "https://app.example", which FRONTEND_CALLBACK_ALLOWED_ORIGINS lacks: add it there',
    ])
  })

  test.each(['GOOGLE_BASE_URL', 'GITHUB_BASE_URL'])('that stands in for a provider is for dev mode: %s', key => {
    expect(faulted({ ...enough, [key]: 'http://127.0.0.1:9000' })).toEqual([
      `${key} is for dev mode, where nobody is real: drop it, or give --dev-mode`,
    ])
    expect(faultsOf(() => dev({ [key]: 'https://id.example' }))).toEqual([
      `${key}: "https://id.example" is not on loopback: use a stand-in there`,
    ])
    expect(dev({ [key]: 'http://127.0.0.1:9000' }).config).toMatchObject({ [key]: 'http://127.0.0.1:9000' })
  })
})

describe('what is risky', () => {
  test('is a session in a URL, and an issuer whose word on addresses is taken', () => {
    expect(warned({ ...enough, SESSION_IN_REDIRECT: 'true' })).toEqual([
      'SESSION_IN_REDIRECT puts sessions into browser histories and the logs of front ends: exchange a code instead',
    ])
    expect(warned({ ...enough, ...oidc, OIDC_TRUST_EMAIL: 'true' })).toEqual([
      'OIDC_TRUST_EMAIL lets whoever runs OIDC_ISSUER sign in as any user, by an e-mail address: be sure of them',
    ])
  })

  test('is a proxy, which https is a sign of, whose word of who calls is not taken: all share a limit', () => {
    const warning = [expect.stringContaining('without TRUSTED_PROXIES all who sign in share its limit')]
    const alone = { ...enough, TRUSTED_PROXIES: '' }
    expect(warned(alone)).toEqual(warning)
    expect(warned({ ...alone, PUBLIC_URL: 'http://127.0.0.1:5381' })).toEqual([])
    // Where TLS ends in the gateway, https is no sign of one.
    expect(warned({ ...alone, TLS: 'dstack' })).toEqual([])
    expect(warned({ ...alone, TLS_CERT_FILE: 'c.pem', TLS_KEY_FILE: 'k.pem' })).toEqual([])
    expect(warned({ ...needed, TRUSTED_PROXIES: '' })).toEqual([])
  })

  test('is a front end on another origin whose pages may not call', () => {
    const lacking = (CORS_ALLOWED_ORIGINS: string, more: Env = {}) =>
      warned({ ...enough, ...more, CORS_ALLOWED_ORIGINS })
    const warning = (origins: string) =>
      `CORS_ALLOWED_ORIGINS lacks ${origins}: a page there cannot exchange the code that a sign-in ends with`
    expect(lacking('')).toEqual([warning('https://app.example')])
    expect(lacking('https://*.app.example', { FRONTEND_URL: 'https://chat.app.example' })).toEqual([])
    expect(lacking('', { FRONTEND_URL: 'https://gate.example/app' })).toEqual([])
    const FRONTEND_CALLBACK_ALLOWED_ORIGINS = 'https://app.example, https://b.example'
    expect(lacking('', { FRONTEND_CALLBACK_ALLOWED_ORIGINS })).toEqual([
      warning('https://app.example and https://b.example'),
    ])
    expect(lacking('', { SESSION_IN_REDIRECT: 'true' })).toHaveLength(1)
  })
})
