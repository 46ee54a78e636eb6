import { Elysia } from 'elysia'
import { networkMatcher } from '../../protocol/addresses.ts'
import { mockLoginDetail } from '../../protocol/auth-docs.ts'
import type { Exchange } from '../../protocol/exchange.ts'
import { email, httpsUrl, line, optional, readMembers } from '../../protocol/members.ts'
import { described } from '../../protocol/openapi.ts'
import { Problem } from '../../protocol/problem.ts'
import type { OwnBody } from '../../upstream/own-body.ts'
import type { signIn } from './sign-in.ts'

interface Deps {
  signIn: ReturnType<typeof signIn>
  ownBody: OwnBody
  exchangeOf: (request: Request) => Exchange
}

const PROFILE = { email, name: optional(line(255)), avatar_url: optional(httpsUrl) }
const isLoopback = networkMatcher(['127.0.0.0/8', '::1/128'])
const HOPS = ['x-forwarded-for', 'x-real-ip']
const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '[::1]'])

/** A sign-in that believes whatever it is told: for dev mode, and there for this machine alone. */
export const mockLogin = ({ signIn, ownBody, exchangeOf }: Deps) =>
  new Elysia({ name: 'mock-login' }).post(
    '/v1/auth/mock-login',
    async ({ request }) => {
      const exchange = exchangeOf(request)
      if (!isLocal(request, exchange)) throw new Problem('not_found', 'No such route.')
      const profile = await readMembers(await ownBody(request, exchange), PROFILE)
      const { user, isNew, session } = await signIn({
        email: profile.email,
        name: profile.name ?? null,
        avatarUrl: profile.avatar_url ?? null,
      })
      const told = {
        session_token: session.token,
        session_id: session.id,
        expires_at: new Date(session.expiresAt).toISOString(),
        user_id: user,
        is_new_user: isNew,
      }
      return Response.json(told, { headers: { 'cache-control': 'no-store' } })
    },
    { parse: 'none', detail: described(() => mockLoginDetail()) },
  )

// By the socket, and by every hop that a proxy tells of: on this machine one may stand for the whole world (a tunnel that
// rewrites Host). And by a name of this machine, for a page whose own host name suddenly means 127.0.0.1 is let in by
// its browser (DNS rebinding).
function isLocal({ url, headers }: Request, exchange: Exchange): boolean {
  const hops = HOPS.flatMap(name => headers.get(name)?.split(',') ?? [])
  const name = URL.parse(url)?.hostname ?? ''
  return (
    [exchange.peer(), ...hops].every(hop => isLoopback(hop.trim())) &&
    !headers.has('forwarded') &&
    LOOPBACK_NAMES.has(name)
  )
}
