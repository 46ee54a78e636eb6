import * as oauth from 'oauth4webapi'
import { email, httpsUrl, line } from '../../protocol/members.ts'
import { emailUnverified, fitting, oauthClient, orRefused, type Registration } from './oauth.ts'
import type { Provider } from './provider.ts'

interface Options extends Registration {
  /** In place of GitHub's two hosts, another that plays both; no slash at its end. */
  readonly base: string | undefined
}

const NAME = 'GitHub'

/** Sign-in with GitHub, which speaks OAuth 2.0 without OpenID Connect: who somebody is, its API tells. */
export function githubProvider(options: Options): Provider {
  const { base, clientSecret } = options
  const issuer = `${base ?? 'https://github.com'}/login/oauth`
  const api = base ?? 'https://api.github.com'
  const client = oauthClient(options, new URL(issuer))
  const authorize = new URL(`${issuer}/authorize`)
  const server = { issuer, token_endpoint: `${issuer}/access_token` }

  const ask = (path: string, token: string) =>
    client.getJson(api + path, {
      accept: 'application/vnd.github+json',
      authorization: `Bearer ${token}`,
      'x-github-api-version': '2022-11-28',
    })

  return {
    id: 'github',
    name: NAME,
    start: attempt => client.authorization(authorize, attempt, { scope: 'read:user user:email' }),
    finish: (query, attempt) =>
      orRefused(NAME, async () => {
        const response = await client.redeem(server, query, attempt, oauth.ClientSecretPost(clientSecret.reveal()))
        const tokens = await oauth.processAuthorizationCodeResponse(server, client.known(), await standard(response))
        const [user, emails] = await Promise.all([
          ask('/user', tokens.access_token),
          ask('/user/emails', tokens.access_token),
        ])
        const { id, name, avatar_url: avatarUrl } = Object(user)
        if (!Number.isSafeInteger(id) || id < 1) throw new TypeError('no usable id')
        return {
          provider: 'github',
          issuer,
          subject: String(id),
          email: verifiedOf(emails),
          isProven: true,
          name: fitting(line(255), name),
          avatarUrl: fitting(httpsUrl, avatarUrl),
          domain: null,
        }
      }),
  }
}

/** GitHub tells its errors with status 200: with that of RFC 6749 section 5.2 they are read, for the log, as what they are. */
async function standard(response: Response): Promise<Response> {
  if (response.status !== 200) return response
  const said: unknown = await response.json()
  return Response.json(said, { status: Object(said).error === undefined ? 200 : 400 })
}

/** The primary address if it is verified, else any that is. @throws Problem `email_unverified` */
function verifiedOf(emails: unknown): string {
  if (!Array.isArray(emails)) throw new TypeError('no list of addresses')
  const verified = emails.map(Object).filter(entry => entry.verified === true && email.fits(entry.email))
  const chosen = verified.find(entry => entry.primary === true) ?? verified[0]
  if (!chosen) throw emailUnverified(NAME)
  return chosen.email
}
