import type { JWTPayload } from 'jose'
import * as oauth from 'oauth4webapi'
import { email, httpsUrl, line } from '../../protocol/members.ts'
import { openIdIssuer } from './issuer.ts'
import { emailUnverified, fitting, oauthClient, orRefused, type Registration } from './oauth.ts'
import type { Identity, Provider } from './provider.ts'

interface Options extends Registration {
  readonly id: string
  readonly name: string
  readonly issuer: string
  /**
   * What its word for an address is worth. `required`: nobody comes in without a verified one. `trusted`: a verified one
   * is proven; whoever has none comes in as a user of their own. `told`: a text of the profile, and never proven.
   */
  readonly emails: 'required' | 'trusted' | 'told'
  /** Whether it vouches for organisations' domains, by the claim `hd`. */
  readonly hasDomains: boolean
}

/** Sign-in by OpenID Connect. */
export function oidcProvider(options: Options): Provider {
  const { id, name, clientSecret } = options
  const client = oauthClient(options, new URL(options.issuer))
  const issuer = openIdIssuer({ ...options, client })
  return {
    id,
    name,
    start: async attempt => {
      const more = { scope: 'openid email profile', nonce: attempt.nonce }
      return client.authorization((await issuer.published()).authorize, attempt, more)
    },
    finish: (query, attempt) =>
      orRefused(name, async () => {
        const { server } = await issuer.published()
        const response = await client.redeem(server, query, attempt, authOf(server, clientSecret.reveal()))
        const rules = { expectedNonce: attempt.nonce }
        const tokens = await oauth.processAuthorizationCodeResponse(server, client.known(), response, rules)
        const claims = await issuer.verify(tokens.id_token ?? '')
        const told = isAllTold(claims, server) ? claims : await more(server, claims, tokens.access_token)
        return identity(options, server.issuer, claims, told)
      }),
  }

  /** UserInfo (section 5.3), which speaks of the same subject. */
  async function more(server: oauth.AuthorizationServer, { sub = '' }: JWTPayload, token: string) {
    const response = await oauth.userInfoRequest(server, client.known(), token, client.http)
    return oauth.processUserInfoResponse(server, client.known(), sub, response)
  }
}

/** OpenID Connect Core 1.0 section 5.4: what the scopes `email` and `profile` ask for may be in UserInfo alone. */
function isAllTold(claims: JWTPayload, { userinfo_endpoint }: oauth.AuthorizationServer): boolean {
  return claims['email'] !== undefined || userinfo_endpoint === undefined
}

function identity(options: Options, issuer: string, { sub, hd }: JWTPayload, told: JWTPayload): Identity {
  const subject = fitting(line(255), sub)
  if (subject === null) throw new TypeError('no usable subject')
  const address = fitting(email, told['email'])
  // Section 5.1: a boolean. Whatever else stands there was not meant by this word.
  const isProven = options.emails !== 'told' && address !== null && told['email_verified'] === true
  if (options.emails === 'required' && !isProven) throw emailUnverified(options.name)
  return {
    provider: options.id,
    issuer,
    subject,
    email: address,
    isProven,
    name: fitting(line(255), told['name']),
    avatarUrl: fitting(httpsUrl, told['picture']),
    domain: options.hasDomains ? fitting(line(255), hd) : null,
  }
}

/** RFC 8414 section 2: where a server says nothing, it is `client_secret_basic`. */
function authOf(server: oauth.AuthorizationServer, secret: string): oauth.ClientAuth {
  const methods = server.token_endpoint_auth_methods_supported
  const isPostOnly = methods?.includes('client_secret_post') && !methods.includes('client_secret_basic')
  return isPostOnly ? oauth.ClientSecretPost(secret) : oauth.ClientSecretBasic(secret)
}
