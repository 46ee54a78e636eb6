import type { Exchange } from '../../protocol/exchange.ts'
import { frontendCallbacks } from '../../protocol/frontend-callback.ts'
import { isChallenge, newSecret } from '../../protocol/pkce.ts'
import { Problem } from '../../protocol/problem.ts'
import type { Browsers } from './browser.ts'
import type { Provider } from './provider.ts'
import type { States, UnderWay } from './states.ts'

interface Deps {
  browsers: Browsers
  states: States
  frontendUrl: string | undefined
  callbackOrigins: readonly string[]
  sessionInRedirect: boolean
}

const CHALLENGE =
  '"code_challenge" is required: the SHA-256 of a verifier of your own, as 43 characters of base64url (RFC 7636, S256). Keep the verifier for POST /v1/auth/token.'

/** Sends a browser to a provider; within ten minutes it may come back, and no other for it. */
export function start({ browsers, states, frontendUrl, callbackOrigins, sessionInRedirect }: Deps) {
  const callbackOf = frontendCallbacks(callbackOrigins)

  /** @throws Problem `invalid_query` */
  function endOf(query: string): Pick<UnderWay, 'callback' | 'challenge'> {
    const { frontend_callback, code_challenge, code_challenge_method = 'S256' } = onceEach(query)
    const callback = frontend_callback === undefined ? frontendUrl : callbackOf(frontend_callback)
    if (callback === undefined) throw invalidQuery('"frontend_callback" is required: it says where the sign-in ends.')
    if (code_challenge_method !== 'S256') throw invalidQuery('"code_challenge_method" must be S256.')
    if (code_challenge === undefined && sessionInRedirect) return { callback, challenge: null }
    if (code_challenge === undefined || !isChallenge(code_challenge)) throw invalidQuery(CHALLENGE)
    return { callback, challenge: code_challenge }
  }

  return async (provider: Provider, request: Request, { target, headers }: Exchange): Promise<Response> => {
    const end = endOf(target.query)
    // Nobody goes anywhere by a HEAD: nothing is begun.
    if (request.method === 'HEAD') return new Response(null, { status: 204 })
    const browser = browsers.of(request) ?? browsers.fresh()
    const attempt = { state: newSecret(), verifier: newSecret(), nonce: newSecret() }
    const url = await provider.start(attempt)
    await states.begin({ provider: provider.id, attempt, ...end }, browser)
    headers['set-cookie'] = browsers.cookieOf(browser)
    return new Response(null, { status: 302, headers: { location: url.href } })
  }
}

const KNOWN = ['frontend_callback', 'code_challenge', 'code_challenge_method'] as const

/** The parameters that count here, each given once at most; what else there is belongs to nobody. */
function onceEach(query: string): Partial<Record<(typeof KNOWN)[number], string>> {
  const given = new URLSearchParams(query)
  return Object.fromEntries(
    KNOWN.flatMap(name => {
      const [text, another] = given.getAll(name)
      if (another !== undefined) throw invalidQuery(`"${name}" is given twice.`)
      return text === undefined ? [] : [[name, text]]
    }),
  )
}

function invalidQuery(what: string): Problem {
  return new Problem('invalid_query', `Invalid query: ${what}`)
}
