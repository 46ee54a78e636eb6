import { oidcProvider } from '../../src/features/auth/oidc.ts'
import type { Attempt, Identity, Provider } from '../../src/features/auth/provider.ts'
import { Secret } from '../../src/protocol/secret.ts'
import { calls } from '../../src/upstream/call.ts'
import { cookieJar } from './jar.ts'

const { send } = calls()

/** Where the browser is sent back to; nobody listens there. */
export const REDIRECT_URI = 'https://gateway.example/v1/auth/callback'

const random = () => Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url')

/** A sign-in that just begins. */
export const attempt = (): Attempt => ({ state: random(), verifier: random(), nonce: random() })

interface Client {
  readonly clientId: string
  readonly clientSecret: string
}

/** This gateway's registration at a provider of the kit. */
export const registration = ({ clientId, clientSecret }: Client, now: () => number = Date.now) => {
  return { clientId, clientSecret: new Secret(clientSecret), redirectUri: REDIRECT_URI, send, now }
}

/** What a browser brings back from a provider. */
export async function visit(provider: Provider, begun: Attempt): Promise<URLSearchParams> {
  return (await cookieJar().walk(await provider.start(begun), REDIRECT_URI)).searchParams
}

/** A whole sign-in. */
export async function signInAt(provider: Provider): Promise<Identity> {
  const begun = attempt()
  return provider.finish(await visit(provider, begun), begun)
}

/** How far an issuer's word for an address goes. */
export type Emails = 'required' | 'trusted' | 'told'

/** An issuer of the kit as a provider, `house`, of this gateway. */
export function houseOf(
  server: Client & { readonly issuer: string },
  emails: Emails = 'trusted',
  { hasDomains = false, now = Date.now } = {},
): Provider {
  const { issuer } = server
  return oidcProvider({ ...registration(server, now), id: 'house', name: 'The House', issuer, emails, hasDomains })
}
