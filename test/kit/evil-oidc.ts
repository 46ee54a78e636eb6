import { randomUUID } from 'node:crypto'
import { type Signer, signer } from './jwt.ts'

type Claims = Record<string, unknown>

/** An OpenID Connect provider on loopback that says whatever the test wants said; honest until told otherwise. */
export interface EvilOidc {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  /** Whose key is published. */
  readonly signer: Signer
  /** Good claims for a sign-in; `more` replaces some, and an `undefined` removes one. */
  claims(nonce: string, more?: Claims): Claims
  /** A token of these claims by the published key. */
  sign(claims: Claims, header?: Claims): Promise<string>
  /** The ID token for a sign-in of this nonce. */
  idToken: (nonce: string) => string | Promise<string>
  /** What the metadata says besides, or instead. */
  metadata: Claims
  /** What the browser brings back besides the code, or instead; `undefined` removes one. */
  callback: Record<string, string | undefined>
  /** Entries of the key set. */
  keys: unknown[]
  /** What is answered by path, in place of all that. */
  readonly answers: Record<string, (request: Request) => Response | Promise<Response>>
  /** Paths that were asked for, in order. */
  readonly asked: readonly string[]
  stop(): Promise<void>
}

interface Options {
  /** Milliseconds since the epoch. */
  now?: () => number
}

export async function startEvilOidc({ now = Date.now }: Options = {}): Promise<EvilOidc> {
  const published = await signer('good')
  const asked: string[] = []
  const nonces = new Map<string, string>()
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    reusePort: false,
    development: false,
    fetch: request => {
      const { pathname, searchParams } = new URL(request.url)
      asked.push(pathname)
      const answer = evil.answers[pathname] ?? ROUTES[pathname]
      return answer?.call(undefined, request, searchParams) ?? new Response(null, { status: 404 })
    },
  })
  const ROUTES: Record<string, (request: Request, query: URLSearchParams) => Response | Promise<Response>> = {
    '/.well-known/openid-configuration': () => Response.json({ ...metadataOf(evil.issuer), ...evil.metadata }),
    '/jwks': () => Response.json({ keys: evil.keys }),
    '/authorize': (_, query) => {
      const code = randomUUID()
      nonces.set(code, query.get('nonce') ?? '')
      const back = new URL(query.get('redirect_uri') ?? '')
      const said = { code, state: query.get('state') ?? '', iss: evil.issuer, ...evil.callback }
      for (const [name, value] of Object.entries(said)) if (value !== undefined) back.searchParams.set(name, value)
      return new Response(null, { status: 302, headers: { location: back.href } })
    },
    '/token': async request => {
      const code = new URLSearchParams(await request.text()).get('code') ?? ''
      const idToken = await evil.idToken(nonces.get(code) ?? '')
      return Response.json({ access_token: randomUUID(), token_type: 'Bearer', expires_in: 60, id_token: idToken })
    },
  }
  const evil: EvilOidc = {
    issuer: server.url.origin,
    clientId: 'sealgate',
    clientSecret: `secret ${randomUUID()}`,
    signer: published,
    claims: (nonce, more = {}) => {
      const [iat, exp] = [Math.floor(now() / 1000), Math.floor(now() / 1000) + 60]
      const person = { sub: 'ada', email: 'ada@example.com', email_verified: true }
      return { iss: evil.issuer, aud: evil.clientId, iat, exp, nonce, ...person, ...more }
    },
    sign: (claims, header = {}) => published.sign(claims, { typ: 'JWT', ...header }),
    idToken: nonce => evil.sign(evil.claims(nonce)),
    metadata: {},
    callback: {},
    keys: [published.jwk],
    answers: {},
    asked,
    stop: () => server.stop(true),
  }
  return evil
}

const metadataOf = (issuer: string) => ({
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  jwks_uri: `${issuer}/jwks`,
  response_types_supported: ['code'],
  id_token_signing_alg_values_supported: ['RS256', 'ES256', 'PS256', 'EdDSA', 'HS256', 'none'],
  authorization_response_iss_parameter_supported: true,
})
