import { Elysia } from 'elysia'
import { signInFailed } from '../../gate/beginnings.ts'
import type { limited } from '../../gate/limited.ts'
import type { Sessions } from '../../gate/sessions.ts'
import type { Exchange } from '../../protocol/exchange.ts'
import type { Log } from '../../protocol/log.ts'
import { line, readMembers } from '../../protocol/members.ts'
import { described } from '../../protocol/openapi.ts'
import { challengeOf, isVerifier } from '../../protocol/pkce.ts'
import { callbackDetail, providersDetail, startDetail, tokenDetail } from '../../protocol/sign-in-docs.ts'
import type { Fields } from '../../store/fields.ts'
import type { Store } from '../../store/store.ts'
import type { OwnBody } from '../../upstream/own-body.ts'
import { browsers } from './browser.ts'
import { codeHashOf, finish } from './finish.ts'
import { people } from './people.ts'
import type { Provider } from './provider.ts'
import { start } from './start.ts'
import { states } from './states.ts'

/** How people sign in. */
export interface SignInOptions {
  /** Where browsers and providers find the gateway. */
  readonly publicUrl: string
  /** The frontend where a sign-in ends that names none. */
  readonly frontendUrl: string | undefined
  /** Origins of the frontends that a sign-in may name, exactly; a loopback one stands for each of its ports. */
  readonly callbackOrigins: readonly string[]
  /** Whether a frontend that brings no challenge is told its session in the address. */
  readonly sessionInRedirect: boolean
  /** Without any there is no signing in. */
  readonly providers: readonly Provider[]
}

interface Deps extends SignInOptions {
  limited: ReturnType<typeof limited>
  store: Store
  fields: Fields
  /** The key of the role `lookup`. */
  lookupKey: Uint8Array
  /** The key of the role `browser`. */
  browserKey: Uint8Array
  sessions: Sessions
  ownBody: OwnBody
  now: () => number
  log: Log
  exchangeOf: (request: Request) => Exchange
}

const GUARD = { limited: 'address', parse: 'none' } as const
const EXCHANGE = { code: line(255), code_verifier: line(255) }

/** Signing in by somebody else's word: there and back again by the browser, and then a session for its frontend. */
export const flow = (deps: Deps) => {
  const { limited, publicUrl, providers, sessions, ownBody, exchangeOf } = deps
  const underWay = states(deps)
  const parts = {
    ...deps,
    browsers: browsers({ key: deps.browserKey, publicUrl: deps.publicUrl }),
    states: underWay,
    personOf: people(deps),
  }
  const [begin, end] = [start(parts), finish(parts)]

  async function redeem(request: Request): Promise<Response> {
    const { code, code_verifier } = await readMembers(await ownBody(request, exchangeOf(request)), EXCHANGE)
    if (!isVerifier(code_verifier)) throw signInFailed()
    const { token, id, expiresAt, isNew } = await sessions.redeem(codeHashOf(code, challengeOf(code_verifier)))
    const times = { expires_at: new Date(expiresAt).toISOString() }
    const told = { token, session_id: id, ...times, is_new_user: isNew }
    return Response.json(told, { headers: { 'cache-control': 'no-store' } })
  }

  /** Whatever the answer will be: no page is told where it came from, and nobody keeps it. */
  function quietly(request: Request): Exchange {
    const exchange = exchangeOf(request)
    Object.assign(exchange.headers, { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' })
    return exchange
  }

  const listed = providers.map(({ id, name }) => ({ id, name, url: `${publicUrl}/v1/auth/${id}` }))
  const plugin = new Elysia({ name: 'sign-in' })
    .use(limited)
    .get('/v1/auth/providers', () => Response.json({ providers: listed }), {
      ...GUARD,
      detail: described(() => providersDetail()),
    })
  for (const provider of providers)
    plugin.get(`/v1/auth/${provider.id}`, ({ request }) => begin(provider, request, quietly(request)), {
      ...GUARD,
      detail: described(() => startDetail(provider.name)),
    })
  if (providers.length > 0)
    plugin
      .get('/v1/auth/callback', ({ request }) => end(request, quietly(request)), {
        ...GUARD,
        detail: described(() => callbackDetail()),
      })
      .post('/v1/auth/token', ({ request }) => redeem(request), { ...GUARD, detail: described(() => tokenDetail()) })
  return { plugin, sweep: underWay.sweep }
}
