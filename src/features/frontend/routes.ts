import { Elysia } from 'elysia'
import type { Exchange } from '../../protocol/exchange.ts'
import { described, refuses } from '../../protocol/openapi.ts'
import { serving } from './serving.ts'
import type { Site } from './site.ts'
import { welcome } from './welcome.ts'

/** What people get in a browser. */
export interface FrontendOptions {
  /** The front end; a page of the gateway's own where there is none. */
  readonly site: Site | undefined
  /** Its `Content-Security-Policy`. */
  readonly policy: string
  /** Whether browsers reach the gateway by https. */
  readonly isSecure: boolean
}

interface Deps {
  frontend: FrontendOptions
  version: string
  /** Whether the documentation is served. */
  docs: boolean
  /** What it can prove itself by; absent outside a TEE. */
  tee: object | undefined
  exchangeOf: (request: Request) => Exchange
}

const HSTS = { 'strict-transport-security': 'max-age=31536000' }

/** The page at `/`, and what a front end answers where no route is. */
export const frontend = ({ frontend: { site, policy, isSecure }, version, docs, tee, exchangeOf }: Deps) => {
  const headers = { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', ...(isSecure && HSTS) }
  const serve = site && serving({ site, headers: { ...headers, 'content-security-policy': unframed(policy) } })
  const page = welcome({ version, docs, isAttested: tee !== undefined })
  const own = () => new Response(page.html, { headers: { ...headers, ...page.headers } })
  const plugin = new Elysia({ name: 'frontend' }).get(
    '/',
    ({ request }) => serve?.(request, exchangeOf(request)) ?? own(),
    { detail: described(() => detail()) },
  )
  return { plugin, elsewhere: serve }
}

/** No other page may frame it, unless the policy itself says which. */
function unframed(policy: string): string {
  return /(?:^|[;,])\s*frame-ancestors(?:[\s;,]|$)/i.test(policy) ? policy : `${policy}; frame-ancestors 'none'`
}

function detail() {
  return refuses(['range_not_satisfiable'], {
    tags: ['documentation'],
    summary: 'The front end, if there is one; else a page that says what answers here.',
    responses: {
      200: {
        description: 'A page.',
        content: { 'text/html': { schema: { type: 'string' }, example: '<!doctype html>…' } },
      },
    },
  })
}
