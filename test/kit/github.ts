import { createHash, randomUUID } from 'node:crypto'

interface Account {
  user: Record<string, unknown>
  emails: unknown
}

/** GitHub's OAuth and API on one loopback port, with its ways: errors with status 200, numeric ids, a list of addresses. */
export interface FakeGithub {
  readonly base: string
  readonly clientId: string
  readonly clientSecret: string
  /** Who signs in next. */
  account: Account
  /** Whether the next person cancels. */
  cancels: boolean
  /** What the API answers by path, in place of the account. */
  readonly answers: Record<string, () => Response>
  /** Access tokens given out so far. */
  readonly tokens: ReadonlySet<string>
  stop(): Promise<void>
}

interface Code {
  challenge: string | null
  redirectUri: string | null
}

type Codes = Map<string, Code>

export const ADA: Account = {
  user: { id: 4_711, login: 'ada', name: 'Ada', avatar_url: 'https://avatars.example/u/4711', email: null },
  emails: [
    { email: 'other@example.com', primary: false, verified: true, visibility: null },
    { email: 'ada@example.com', primary: true, verified: true, visibility: 'private' },
  ],
}

/** Sends back to whatever redirect URI it is asked for. */
export function startGithub({ account = ADA }: { account?: Account } = {}): FakeGithub {
  const codes: Codes = new Map()
  const tokens = new Set<string>()
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    reusePort: false,
    development: false,
    fetch: async request => {
      const { pathname, searchParams } = new URL(request.url)
      if (pathname === '/login/oauth/authorize') return authorize(fake, codes, searchParams)
      if (pathname !== '/login/oauth/access_token') return api(fake, pathname, request.headers)
      const said = await redeem(fake, codes, request)
      if ('access_token' in said) tokens.add(said.access_token)
      if (request.headers.get('accept')?.includes('application/json')) return Response.json(said)
      return new Response(new URLSearchParams(said).toString())
    },
  })
  const fake: FakeGithub = {
    base: server.url.origin,
    clientId: 'Iv1.0123456789abcdef',
    clientSecret: randomUUID(),
    account,
    cancels: false,
    answers: {},
    tokens,
    stop: () => server.stop(true),
  }
  return fake
}

function authorize({ base, clientId, cancels }: FakeGithub, codes: Codes, asked: URLSearchParams): Response {
  const redirectUri = asked.get('redirect_uri')
  if (asked.get('client_id') !== clientId || redirectUri === null) return new Response('Not Found', { status: 404 })
  const back = new URL(redirectUri)
  if (cancels) {
    back.searchParams.set('error', 'access_denied')
    back.searchParams.set('error_description', 'The user has denied your application access.')
  } else {
    const code = randomUUID()
    codes.set(code, { challenge: asked.get('code_challenge'), redirectUri })
    back.searchParams.set('code', code)
  }
  back.searchParams.set('state', asked.get('state') ?? '')
  // Since April 2026 (RFC 9207).
  back.searchParams.set('iss', `${base}/login/oauth`)
  return new Response(null, { status: 302, headers: { location: back.href } })
}

async function redeem({ clientId, clientSecret }: FakeGithub, codes: Codes, request: Request) {
  const asked = new URLSearchParams(await request.text())
  const error = (error: string) => ({
    error,
    error_description: 'As GitHub says it.',
    error_uri: 'https://docs.example',
  })
  if (asked.get('client_id') !== clientId || asked.get('client_secret') !== clientSecret)
    return error('incorrect_client_credentials')
  const code = codes.get(asked.get('code') ?? '')
  codes.delete(asked.get('code') ?? '')
  const verifier = createHash('sha256')
    .update(asked.get('code_verifier') ?? '')
    .digest('base64url')
  if (!code || (code.challenge !== null && code.challenge !== verifier)) return error('bad_verification_code')
  if (code.redirectUri !== asked.get('redirect_uri')) return error('redirect_uri_mismatch')
  return { access_token: `gho_${randomUUID()}`, token_type: 'bearer', scope: 'read:user,user:email' }
}

function api({ account, answers, tokens }: FakeGithub, pathname: string, headers: Headers): Response {
  // fetch names itself unless told otherwise, which GitHub would take too: here only we may pass.
  if (headers.get('user-agent') !== 'sealgate')
    return new Response('Request forbidden by administrative rules.', { status: 403 })
  if (!tokens.has(headers.get('authorization')?.replace(/^Bearer /, '') ?? ''))
    return Response.json({ message: 'Bad credentials' }, { status: 401 })
  const answer = answers[pathname]
  if (answer) return answer()
  if (pathname === '/user') return Response.json(account.user)
  if (pathname === '/user/emails') return Response.json(account.emails)
  return Response.json({ message: 'Not Found' }, { status: 404 })
}
