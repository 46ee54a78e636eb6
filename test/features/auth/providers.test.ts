import { afterEach, describe, expect, test } from 'bun:test'
import { type ProviderSettings, providers } from '../../../src/features/auth/providers.ts'
import { Secret } from '../../../src/protocol/secret.ts'
import { calls } from '../../../src/upstream/call.ts'
import { startEvilOidc } from '../../kit/evil-oidc.ts'
import { startGithub } from '../../kit/github.ts'
import { outcome } from '../../kit/problem.ts'
import { attempt, signInAt } from '../../kit/sign-ins.ts'
import { stages } from '../../kit/stage.ts'

const { send } = calls()

const { also, clear } = stages()
afterEach(clear)

const NONE = { PUBLIC_URL: 'https://gateway.example', OIDC_NAME: 'The House', OIDC_TRUST_EMAIL: false }
const secret = new Secret('secret')
const present = (settings: Partial<ProviderSettings>) => providers({ ...NONE, ...settings }, { send, now: Date.now })
const names = (settings: Partial<ProviderSettings>) => present(settings).map(({ id, name }) => `${id}: ${name}`)

const GOOGLE = { GOOGLE_CLIENT_ID: 'g', GOOGLE_CLIENT_SECRET: secret }
const GITHUB = { GITHUB_CLIENT_ID: 'h', GITHUB_CLIENT_SECRET: secret }
const OIDC = { OIDC_ISSUER: 'https://issuer.example', OIDC_CLIENT_ID: 'o', OIDC_CLIENT_SECRET: secret }

describe('the providers', () => {
  test('are those whose credentials are there', () => {
    expect(names({})).toEqual([])
    expect(names({ ...GOOGLE, ...GITHUB, ...OIDC })).toEqual(['google: Google', 'github: GitHub', 'oidc: The House'])
    for (const half of [...Object.entries(GOOGLE), ...Object.entries(GITHUB), ...Object.entries(OIDC)])
      expect(names(Object.fromEntries([half]))).toEqual([])
  })

  test('are none without an address to come back to', () => {
    expect(names({ ...GITHUB, PUBLIC_URL: undefined })).toEqual([])
  })

  test('send back to a path below the address of the gateway', async () => {
    const url = await present({ ...GITHUB, PUBLIC_URL: 'https://gateway.example/base' })[0]?.start(attempt())
    expect(url?.searchParams.get('redirect_uri')).toBe('https://gateway.example/base/v1/auth/callback')
  })

  test('of this world are found elsewhere if told so', async () => {
    const [evil, github] = [also(await startEvilOidc()), also(startGithub())]
    const elsewhere = { GOOGLE_BASE_URL: evil.issuer, GITHUB_BASE_URL: github.base }
    const urls = await Promise.all(present({ ...GOOGLE, ...GITHUB, ...elsewhere }).map(it => it.start(attempt())))
    expect(urls.map(url => url.origin + url.pathname)).toEqual([
      `${evil.issuer}/authorize`,
      `${github.base}/login/oauth/authorize`,
    ])
  })

  test('are worth what their row says: Google needs a verified address, and the other is trusted only if told so', async () => {
    const evil = also(await startEvilOidc())
    const client = { clientId: evil.clientId, clientSecret: new Secret(evil.clientSecret) }
    const google = {
      GOOGLE_BASE_URL: evil.issuer,
      GOOGLE_CLIENT_ID: client.clientId,
      GOOGLE_CLIENT_SECRET: client.clientSecret,
    }
    const oidc = {
      OIDC_ISSUER: evil.issuer,
      OIDC_CLIENT_ID: client.clientId,
      OIDC_CLIENT_SECRET: client.clientSecret,
    }
    evil.idToken = nonce => evil.sign(evil.claims(nonce, { hd: 'example.com' }))
    const all = [present(google), present(oidc), present({ ...oidc, OIDC_TRUST_EMAIL: true })].flat()
    const judged = await Promise.all(all.map(signInAt))
    expect(judged.map(({ isProven, domain }) => [isProven, domain])).toEqual([
      [true, 'example.com'],
      [false, null],
      [true, null],
    ])
    evil.idToken = nonce => evil.sign(evil.claims(nonce, { email_verified: false }))
    expect(await Promise.all(all.map(it => outcome(() => signInAt(it))))).toEqual(['email_unverified', 'fine', 'fine'])
  })
})
