import { Elysia } from 'elysia'
import type { Exchange } from '../protocol/exchange.ts'
import { type Detail, described, refuses } from '../protocol/openapi.ts'
import type { Principal } from '../protocol/principal.ts'
import { PROBLEM_CODES, Problem, statusOf } from '../protocol/problem.ts'
import type { IsAdmin } from './admins.ts'
import type { Bans } from './bans.ts'
import { breakerOf } from './breaker.ts'
import type { Callers } from './callers.ts'

const TOKEN_CODES = PROBLEM_CODES.filter(code => statusOf(code) === 401)

interface Deps {
  callers: Callers
  isAdmin: IsAdmin
  bans: Pick<Bans, 'enter'>
  exchangeOf: (request: Request) => Exchange
}

/** Who may call: whoever has the scope `inference`, whoever has a session, or whoever administers. */
type Access = 'inference' | 'account' | 'admin'

const REFUSALS = [...TOKEN_CODES, 'keys_unavailable', 'database_unavailable'] as const

const DETAILS = {
  inference: () => refuses([...REFUSALS, 'insufficient_scope', 'account_restricted'], { security: [{ bearer: [] }] }),
  account: () => refuses([...REFUSALS, 'session_required'], { security: [{ session: [] }] }),
  admin: () =>
    refuses([...REFUSALS, 'admin_required', 'account_restricted'], { security: [{ session: [] }, { bearer: [] }] }),
} as const satisfies Record<Access, () => Detail>

/**
 * Declares on a route who may call it: `access: 'inference'`, `access: 'account'` for what is a signed-in user's own,
 * or `access: 'admin'` for whoever the operator lists. A route line without it is public. Whoever is banned keeps what is a
 * user's own alone: to see it, take it with them, delete it and sign out.
 */
export const access = ({ callers, isAdmin, bans, exchangeOf }: Deps) =>
  new Elysia({ name: 'access' }).macro({
    access: (to: Access) => ({
      detail: described(() => DETAILS[to]()),
      resolve: async ({ request }: { request: Request }) => {
        const exchange = exchangeOf(request)
        const principal = await callers(request.headers.get('authorization'))
        exchange.principal = principal
        requireRight(to, principal, isAdmin)
        if (to === 'account') return { exchange }
        exchange.breaker = breakerOf(request)
        const asking = bans.enter(exchange)
        if (asking !== undefined) await asking
        return { exchange }
      },
    }),
  })

/** Whose account an exchange of a route with `access: 'account'` is about, and by which session. */
export function accountOf({ principal }: Exchange): { owner: string; user: string; credential: string } {
  if (!principal?.account) throw new TypeError('a route for accounts declares no access')
  return { owner: principal.owner, ...principal.account }
}

/** The owner of whatever a caller has; on routes that declare access. */
export function callerOf({ principal }: Exchange): string {
  if (!principal) throw new TypeError('a route that asks who calls declares no access')
  return principal.owner
}

function requireRight(to: Access, principal: Principal, isAdmin: IsAdmin): void {
  if (to === 'inference') requireScope(principal)
  else if (to === 'account' && principal.kind !== 'session') throw sessionRequired()
  else if (to === 'admin' && !isAdmin(principal)) throw adminRequired()
}

function requireScope({ scopes }: Principal): void {
  if (!scopes.has('inference'))
    throw new Problem('insufficient_scope', 'The token lacks the scope "inference".', {
      headers: { 'www-authenticate': 'Bearer error="insufficient_scope", scope="inference"' },
    })
}

function sessionRequired(): Problem {
  return new Problem('session_required', 'This takes a session: sign in, a JWT or an API key does not do.', {
    headers: { 'www-authenticate': 'Bearer error="insufficient_scope"' },
  })
}

function adminRequired(): Problem {
  return new Problem('admin_required', 'This is for administrators, and this sign-in or token is not one of theirs.', {
    headers: { 'www-authenticate': 'Bearer error="insufficient_scope"' },
  })
}
