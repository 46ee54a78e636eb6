import { signInFailed } from '../../gate/beginnings.ts'
import type { Sessions } from '../../gate/sessions.ts'
import { digestOf } from '../../protocol/credentials.ts'
import type { Exchange } from '../../protocol/exchange.ts'
import { redirectTo } from '../../protocol/frontend-callback.ts'
import { faultOf, type Log, oauthErrorOf, providerTagOf } from '../../protocol/log.ts'
import { newSecret } from '../../protocol/pkce.ts'
import { Problem } from '../../protocol/problem.ts'
import type { Browsers } from './browser.ts'
import type { people } from './people.ts'
import type { Provider } from './provider.ts'
import type { States, UnderWay } from './states.ts'

interface Deps {
  providers: readonly Provider[]
  browsers: Browsers
  states: States
  personOf: ReturnType<typeof people>
  sessions: Sessions
  log: Log
}

type Taken = Omit<UnderWay, 'provider'> & { readonly provider: Provider }
type Told = Readonly<Record<string, string>>

/**
 * What is kept of a one-time code: its SHA-256 together with the challenge, so that for whoever does not have the verifier
 * it is a code like any that never was.
 */
export const codeHashOf = (code: string, challenge: string) => digestOf(`${code}.${challenge}`)

/**
 * Takes a browser back from a provider and sends it to its frontend, which is told a code, or a session, or what went wrong
 * (RFC 6749 section 4.1.2.1). Whoever did not begin here is told the one refusal.
 */
export function finish({ providers, browsers, states, personOf, sessions, log }: Deps) {
  /** @throws Problem `sign_in_failed` */
  async function taken(request: Request, query: URLSearchParams): Promise<Taken> {
    const browser = browsers.of(request)
    const [state, another] = query.getAll('state')
    // A HEAD is no way back: whoever looks ahead at an address must not use it up.
    const isWay = state !== undefined && another === undefined && request.method !== 'HEAD'
    const underWay = browser !== undefined && isWay ? await states.take(state, browser) : undefined
    const provider = providers.find(({ id }) => id === underWay?.provider)
    if (!underWay || !provider) throw signInFailed()
    return { ...underWay, provider }
  }

  async function signedIn({ provider, attempt, challenge }: Taken, query: URLSearchParams) {
    const identity = await provider.finish(query, attempt)
    const { user, isNew } = await personOf(identity)
    const email = identity.isProven ? identity.email : null
    const signIn = { user, isNew, method: provider.id, email, domain: identity.domain }
    if (challenge === null) {
      const { token, id, expiresAt } = await sessions.begin(signIn)
      const session = { token, session_id: id, expires_at: new Date(expiresAt).toISOString() }
      return { isNew, told: { ...session, ...(isNew && { is_new_user: 'true' }) } }
    }
    const code = newSecret()
    await sessions.offer(signIn, codeHashOf(code, challenge))
    return { isNew, told: { code } }
  }

  return async (request: Request, { target, id }: Exchange): Promise<Response> => {
    const query = new URLSearchParams(target.query)
    const underWay = await taken(request, query)
    const line = { provider: providerTagOf(underWay.provider), request: id }
    const sent = (told: Told) =>
      new Response(null, { status: 302, headers: { location: redirectTo(underWay.callback, told) } })
    try {
      const { isNew, told } = await signedIn(underWay, query)
      log('info', 'signed_in', { ...line, is_new: isNew })
      return sent(told)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      log('warn', 'sign_in_failed', { ...line, ...causeOf(error) })
      return sent({ error: error.code, error_description: error.message })
    }
  }
}

function causeOf({ code, cause }: Problem) {
  const oauth_error = oauthErrorOf(cause)
  return { code, ...(oauth_error && { oauth_error }), ...(cause !== undefined && { fault: faultOf(cause) }) }
}
