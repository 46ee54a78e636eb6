import { Elysia } from 'elysia'
import type { Exchange } from '../protocol/exchange.ts'
import { refuses } from '../protocol/openapi.ts'
import type { Scope } from '../protocol/principal.ts'
import { PROBLEM_CODES, Problem, statusOf } from '../protocol/problem.ts'
import type { Tokens } from './tokens.ts'

const TOKEN_CODES = PROBLEM_CODES.filter(code => statusOf(code) === 401)

interface Deps {
  tokens: Tokens
  exchangeOf: (request: Request) => Exchange
}

/** Declares on a route who may call it: `access: 'inference'`. A route line without it is public. */
export const access = ({ tokens, exchangeOf }: Deps) =>
  new Elysia({ name: 'access' }).macro({
    access: (scope: Scope) => ({
      detail: refuses([...TOKEN_CODES, 'insufficient_scope', 'keys_unavailable'], { security: [{ bearer: [] }] }),
      resolve: async ({ request }: { request: Request }) => {
        const exchange = exchangeOf(request)
        const principal = await tokens(request.headers.get('authorization'))
        exchange.principal = principal
        if (!principal.scopes.has(scope))
          throw new Problem('insufficient_scope', `The token lacks the scope "${scope}".`, {
            headers: { 'www-authenticate': `Bearer error="insufficient_scope", scope="${scope}"` },
          })
        return { exchange }
      },
    }),
  })
