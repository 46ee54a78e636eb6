import { Elysia } from 'elysia'
import type { Exchange } from '../protocol/exchange.ts'
import { refuses } from '../protocol/openapi.ts'
import type { Principal } from '../protocol/principal.ts'
import { PROBLEM_CODES, Problem, statusOf } from '../protocol/problem.ts'
import type { Callers } from './callers.ts'

const TOKEN_CODES = PROBLEM_CODES.filter(code => statusOf(code) === 401)

interface Deps {
  callers: Callers
  exchangeOf: (request: Request) => Exchange
}

/** Who may call: whoever has the scope `inference`, or whoever has a session. */
type Access = 'inference' | 'account'

const REFUSALS = [...TOKEN_CODES, 'keys_unavailable', 'database_unavailable'] as const

/**
 * Declares on a route who may call it: `access: 'inference'`, or `access: 'account'` for what is a signed-in user's own.
 * A route line without it is public.
 */
export const access = ({ callers, exchangeOf }: Deps) =>
  new Elysia({ name: 'access' }).macro({
    access: (to: Access) => ({
      detail:
        to === 'inference'
          ? refuses([...REFUSALS, 'insufficient_scope'], { security: [{ bearer: [] }] })
          : refuses([...REFUSALS, 'session_required'], { security: [{ session: [] }] }),
      resolve: async ({ request }: { request: Request }) => {
        const exchange = exchangeOf(request)
        const principal = await callers(request.headers.get('authorization'))
        exchange.principal = principal
        if (to === 'inference') requireScope(principal)
        else if (principal.kind !== 'session') throw sessionRequired()
        return { exchange }
      },
    }),
  })

/** Whose account an exchange of a route with `access: 'account'` is about, and by which session. */
export function accountOf({ principal }: Exchange): { owner: string; user: string; credential: string } {
  if (!principal?.account) throw new TypeError('a route for accounts declares no access')
  return { owner: principal.owner, ...principal.account }
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
