import * as oauth from 'oauth4webapi'
import { travelsInTheClear } from '../../protocol/kinds.ts'
import type { Member } from '../../protocol/members.ts'
import { Problem } from '../../protocol/problem.ts'
import type { Secret } from '../../protocol/secret.ts'
import type { Send } from '../../upstream/call.ts'
import type { Attempt } from './provider.ts'

/** What a provider knows this gateway by, and how it is reached. */
export interface Registration {
  readonly clientId: string
  readonly clientSecret: Secret
  /** Where the provider sends browsers back to. */
  readonly redirectUri: string
  readonly send: Send
  readonly now: () => number
}

type Asked = Pick<oauth.CustomFetchOptions<'GET' | 'POST', URLSearchParams | null | undefined>, Told>
type Told = 'method' | 'headers' | 'body'

const BOUNDS = { withinMs: 5000, maxBytes: 1_048_576 }

/** A client of one authorisation server: code flow with PKCE (RFC 6749, RFC 7636), by https; plain http is for loopback. */
export function oauthClient({ clientId, redirectUri, send, now }: Registration, issuer: URL) {
  const isPlain = issuer.protocol === 'http:'
  const http = {
    [oauth.customFetch]: async (url: string, { method, headers, body }: Asked) => {
      keptPrivate(url)
      return send({ ...BOUNDS, url, method, headers, body: body ?? undefined })
    },
    [oauth.allowInsecureRequests]: isPlain,
  }
  const known = (): oauth.Client => ({
    client_id: clientId,
    [oauth.clockSkew]: Math.floor((now() - Date.now()) / 1000),
  })
  return {
    /** This client, as the library wants it told, at this gateway's time. */
    known,
    /** What goes with each request of the library's. */
    http,
    /** A URL out of a document of the server's. @throws where it is none, or not safe to go to */
    endpoint: (text: string | undefined): URL => {
      const url = new URL(text ?? '')
      oauth.checkProtocol(url, !isPlain)
      keptPrivate(url.href)
      return url
    },
    /** @throws unless it comes with status 200 */
    getJson: async (url: string, headers: Record<string, string>): Promise<unknown> => {
      const response = await send({ ...BOUNDS, url, headers })
      if (response.status !== 200) throw new TypeError(`answered with status ${response.status}`)
      return response.json()
    },
    /** Where a browser asks for a code. */
    authorization: async (endpoint: URL, { state, verifier }: Attempt, more: Record<string, string>): Promise<URL> => {
      const url = new URL(endpoint)
      const parameters = {
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        state,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        ...more,
      }
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
      return url
    },
    /** What the server gives for the code that a browser brought: state and issuer (RFC 9207) are looked at first. */
    redeem: async (
      server: oauth.AuthorizationServer,
      query: URLSearchParams,
      attempt: Attempt,
      auth: oauth.ClientAuth,
    ) => {
      const parameters = oauth.validateAuthResponse(server, known(), query, attempt.state)
      const rest = [parameters, redirectUri, attempt.verifier, http] as const
      const response = await oauth.authorizationCodeGrantRequest(server, known(), auth, ...rest)
      // The library reads it in place of the body, which alone says what is wrong (RFC 6749 section 5.2).
      response.headers.delete('www-authenticate')
      return response
    },
  }
}

/** An issuer on loopback may name servers that are not: secrets, and people's codes, go to none of them in the clear. */
function keptPrivate(url: string): void {
  if (travelsInTheClear(url)) throw new TypeError('in the clear')
}

/** The end of a sign-in, its failures in words of ours: those of the provider are for nobody's eyes. */
export async function orRefused<T>(name: string, finish: () => Promise<T>): Promise<T> {
  try {
    return await finish()
  } catch (cause) {
    if (cause instanceof Problem) throw cause
    if (cause instanceof oauth.AuthorizationResponseError && cause.error === 'access_denied')
      throw new Problem('access_denied', `You cancelled at ${name}, or were refused there. Sign in again.`, { cause })
    const why = `${name} did not confirm who you are`
    throw new Problem('sign_in_failed', `Sign-in failed: ${why}. Sign in again.`, { cause })
  }
}

/** The refusal of whoever has no address that their provider vouches for. */
export function emailUnverified(name: string): Problem {
  const message = `Your e-mail address is not verified at ${name}: verify it there, then sign in again.`
  return new Problem('email_unverified', message)
}

/** What somebody else says, where it is what it may be. */
export const fitting = <T>({ fits }: Member<T>, value: unknown): T | null => (fits(value) ? value : null)
