import type { Exchange } from '../protocol/exchange.ts'
import { originMatcher } from '../protocol/origins.ts'
import { methodsAt, type Route } from './routing.ts'

const MAX_AGE_SECONDS = 7200

/** Request headers a page may send: those that mean something here or upstream, and those that OpenAI's SDKs add. */
const REQUEST_HEADERS =
  /^(?:authorization|content-type|accept|ehbp-encapsulated-key|idempotency-key|x-request-id|traceparent|(?:x-tinfoil|x-stainless|openai)-[a-z0-9-]+)$/

interface Deps {
  /** Exact origins and `https://*.example.com`; none at all where empty. */
  origins: readonly string[]
  routes: readonly Route[]
  /** Answer headers that a page may read. */
  exposed: readonly string[]
}

/** Cross-origin requests (WHATWG Fetch, "CORS protocol"): bearer tokens only, never credentials. */
export interface Cors {
  /** Marks whatever the answer will be, errors too, for the page that asked. */
  mark(request: Request, exchange: Exchange): void
  /** The answer to a preflight that was marked for an allowed origin; `undefined` for every other request. */
  preflight(request: Request, exchange: Exchange): Response | undefined
}

/** The rules for pages of other origins; without origins there are none, and answers do not vary. */
export function cors({ origins, routes, exposed }: Deps): Cors {
  const isAllowed = originMatcher(origins)
  const readable = exposed.join(', ')

  return {
    mark: (request, { headers }) => {
      if (origins.length === 0) return
      headers['vary'] = 'Origin'
      const origin = request.headers.get('origin')
      if (origin === null || !isAllowed(origin)) return
      headers['access-control-allow-origin'] = origin
      headers['access-control-expose-headers'] = readable
    },
    preflight: (request, { target, headers }) => {
      const wanted = request.headers.get('access-control-request-method')
      const isMarked = 'access-control-allow-origin' in headers
      if (request.method !== 'OPTIONS' || wanted === null || !isMarked) return undefined
      const methods = methodsAt(target.path, routes)
      if (methods.length === 0) return undefined
      const asked = request.headers.get('access-control-request-headers')?.split(',') ?? []
      const names = asked.map(name => name.trim().toLowerCase()).filter(name => REQUEST_HEADERS.test(name))
      headers['vary'] = 'Origin, Access-Control-Request-Headers'
      return new Response(null, {
        status: 204,
        headers: {
          'access-control-allow-methods': methods.join(', '),
          ...(names.length > 0 && { 'access-control-allow-headers': names.join(', ') }),
          'access-control-max-age': String(MAX_AGE_SECONDS),
        },
      })
    },
  }
}
