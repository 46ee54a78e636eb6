import { Elysia, NotFoundError } from 'elysia'
import type { Exchange } from '../protocol/exchange.ts'
import { Problem } from '../protocol/problem.ts'
import { methodsAt, type Route } from './routing.ts'

interface Deps {
  exchangeOf: (request: Request) => Exchange
  routes: readonly Route[]
  /** Answers at paths that no route has, by whatever method; `undefined` where it has nothing either. */
  elsewhere?: ((request: Request, exchange: Exchange) => Response | undefined) | undefined
}

/** The only place where something thrown becomes an answer. */
export function problems({ exchangeOf, routes, elsewhere }: Deps) {
  // Here, and not as a route of every path: that would take the place of each 405, and of the 404s below `/v1`.
  const unrouted = (request: Request, exchange: Exchange): Response => {
    const methods = methodsAt(exchange.target.path, routes)
    if (methods.length > 0) return answer(methodNotAllowed(request.method, methods), exchange)
    try {
      return elsewhere?.(request, exchange) ?? answer(new Problem('not_found', 'No such route.'), exchange)
    } catch (error) {
      return answer(error, exchange)
    }
  }

  return new Elysia({ name: 'problems' }).onError({ as: 'global' }, ({ error, request, set }) => {
    const exchange = exchangeOf(request)
    // Not by Elysia's `code`: it is whatever the error says of itself, and so may any library's.
    if (!(error instanceof NotFoundError)) return answer(error, exchange)
    // Else Elysia makes a 404 of any 200.
    set.status = 200
    return unrouted(request, exchange)
  })
}

/** Answers with a problem, or with `internal` for whatever else was thrown: its text is nobody's business outside. */
export function answer(thrown: unknown, exchange: Exchange): Response {
  const problem =
    thrown instanceof Problem
      ? thrown
      : new Problem('internal', 'Something went wrong inside the gateway; the request id finds it in the log.', {
          cause: thrown,
        })
  exchange.code = problem.code
  exchange.cause = problem.cause
  return Response.json(problem, {
    status: problem.status,
    headers: { ...problem.headers, 'cache-control': 'no-store' },
  })
}

/** 405 with `Allow`, where another method has a route (RFC 9110 section 15.5.6). */
export function methodNotAllowed(method: string, methods: readonly string[]): Problem {
  const allow = methods.join(', ')
  return new Problem('method_not_allowed', `This route does not take ${method}: it takes ${allow}.`, {
    headers: { allow },
  })
}
