import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { githubProvider } from '../../src/features/auth/github.ts'
import { oidcProvider } from '../../src/features/auth/oidc.ts'
import { challengeOf, newSecret } from '../../src/protocol/pkce.ts'
import { type EvilOidc, startEvilOidc } from '../kit/evil-oidc.ts'
import type { Kit } from '../kit/gateway.ts'
import { type FakeGithub, startGithub } from '../kit/github.ts'
import { cookieJar } from '../kit/jar.ts'
import { signingIn, stateOf, toldIn, visitor } from '../kit/sign-in.ts'
import { REDIRECT_URI, registration } from '../kit/sign-ins.ts'

// RFC 9700 section 4.4: a provider that is not honest sends the browser on to one that is, to be brought its code.
describe('mix-up', () => {
  let evil: EvilOidc
  let google: EvilOidc
  let github: FakeGithub
  let kit: Kit
  beforeAll(async () => {
    evil = await startEvilOidc()
    evil.metadata = { authorization_response_iss_parameter_supported: false }
    google = await startEvilOidc()
    github = startGithub()
    const [required, told] = [
      { emails: 'required', hasDomains: true } as const,
      { emails: 'told', hasDomains: false } as const,
    ]
    const providers = [
      oidcProvider({ ...registration(google), id: 'google', name: 'Google', issuer: google.issuer, ...required }),
      githubProvider({ ...registration(github), base: github.base }),
      oidcProvider({ ...registration(evil), id: 'oidc', name: 'Evil', issuer: evil.issuer, ...told }),
    ]
    kit = await signingIn({ providers })
  })
  afterAll(() => Promise.all([evil.stop(), google.stop(), github.stop(), kit.stop()]))

  /** What an honest provider tells the browser that it was sent by the other, in whose sign-in this is. */
  async function brought(authorize: string, clientId: string, state: string) {
    const asked = new URL(authorize)
    const theirs = { state, client_id: clientId, redirect_uri: REDIRECT_URI, nonce: newSecret(), response_type: 'code' }
    const challenge = { code_challenge: challengeOf(newSecret()), code_challenge_method: 'S256' }
    for (const [name, value] of Object.entries({ ...theirs, ...challenge })) asked.searchParams.set(name, value)
    return Object.fromEntries((await cookieJar().walk(asked, REDIRECT_URI)).searchParams)
  }

  test.each(['google', 'github'])(
    "an honest code of %s's is not brought to the provider that sent for it",
    async id => {
      const victim = visitor(kit)
      const state = stateOf(await victim.start({}, 'oidc'))
      const query =
        id === 'google'
          ? await brought(`${google.issuer}/authorize`, google.clientId, state)
          : await brought(`${github.base}/login/oauth/authorize`, github.clientId, state)
      expect(query).toMatchObject({ code: expect.any(String), state, iss: expect.any(String) })
      const back = await victim.back(query)
      expect(toldIn(back).get('error')).toBe('sign_in_failed')
      expect([...evil.asked, ...google.asked]).not.toContain('/token')
    },
  )
})
