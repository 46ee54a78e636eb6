import { Elysia, NotFoundError } from 'elysia'
import type { Exchange } from '../protocol/exchange.ts'
import { Problem } from '../protocol/problem.ts'
import { methodsAt, type Route } from './routing.ts'

interface Deps {
  exchangeOf: (request: Request) => Exchange
  routes: readonly Route[]
}

/** The only place where something thrown becomes an answer. */
export function problems({ exchangeOf, routes }: Deps) {
  return new Elysia({ name: 'problems' }).onError({ as: 'global' }, ({ error, request }) => {
    const exchange = exchangeOf(request)
    // Not by Elysia's `code`: it is whatever the error says of itself, and so may any library's.
    const thrown = error instanceof NotFoundError ? unrouted(request, exchange.target.path, routes) : error
    return answer(thrown, exchange)
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

/** 405 with `Allow` where another method has a route (RFC 9110 section 15.5.6), else 404. */
function unrouted(request: Request, path: string, routes: readonly Route[]): Problem {
  const methods = methodsAt(path, routes)
  if (methods.length === 0) return new Problem('not_found', 'No such route.')
  const allow = methods.join(', ')
  return new Problem('method_not_allowed', `This route does not take ${request.method}: it takes ${allow}.`, {
    headers: { allow },
  })
}
