import type { SignInOptions } from '../../src/features/auth/flow.ts'
import type { Attempt, Provider } from '../../src/features/auth/provider.ts'
import { challengeOf, newSecret } from '../../src/protocol/pkce.ts'
import { Problem, type ProblemCode } from '../../src/protocol/problem.ts'
import { type Kit, type KitOptions, startGateway } from './gateway.ts'

export const APP = 'https://app.example'

/** A provider within the process: `code` says who comes back (`unproven-…` by no proven address), and `error` with what Problem. */
export interface StandIn extends Provider {
  /** What was begun there. */
  readonly attempts: Attempt[]
}

/** One that finishes what it has begun itself, and nothing else. */
export function standInProvider(id = 'google'): StandIn {
  const attempts: Attempt[] = []
  return {
    id,
    name: id.toUpperCase(),
    attempts,
    start: async attempt => {
      attempts.push(attempt)
      const { state, verifier, nonce } = attempt
      const query = new URLSearchParams({ state, nonce, code_challenge: challengeOf(verifier) })
      return new URL(`https://${id}.example/authorize?${query}`)
    },
    finish: async (query, attempt) => {
      if (!attempts.some(begun => Bun.deepEquals(begun, attempt))) throw new TypeError('it was not begun here')
      const [who, error] = [query.get('code') ?? '', query.get('error')]
      if (error === 'broken') throw new RangeError(`${who} broke it`)
      const cause = Object.assign(new Error(who), { error: query.get('said') })
      if (error !== null) throw new Problem(error as ProblemCode, `Sealed & "signed": ${error}.`, { cause })
      const person = {
        email: `${who}@example.com`,
        isProven: !who.startsWith('unproven'),
        name: who,
        avatarUrl: null,
        domain: id === 'google' ? 'example.com' : null,
      }
      return { provider: id, issuer: `https://${id}.example`, subject: who, ...person }
    },
  }
}

/** A gateway where one may sign in with `google` or `github`, and end at {@link APP}. */
export function signingIn(options: Partial<SignInOptions> = {}, kit: Partial<KitOptions> = {}): Promise<Kit> {
  const given = { frontendUrl: APP, callbackOrigins: [APP], providers: [standInProvider(), standInProvider('github')] }
  // Each visitor has an address of its own, so that none is limited for the others.
  return startGateway({
    upstream: 'http://127.0.0.1:1',
    proxies: ['127.0.0.0/8'],
    signIn: () => ({ ...given, ...options }),
    ...kit,
  })
}

type Query = Readonly<Record<string, string>>

/** A browser with its cookies, somewhere in the world, and a frontend in it. */
export function visitor({ url }: Pick<Kit, 'url'>, verifier = newSecret()) {
  const address = `2001:db8:${Math.floor(Math.random() * 65_536).toString(16)}:${Math.floor(Math.random() * 65_536).toString(16)}::1`
  const cookies = new Map<string, string>()

  async function ask(path: string, init: RequestInit = {}, at = url): Promise<Response> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { 'x-forwarded-for': address, ...(cookie && { cookie }), ...init.headers }
    const answer = await fetch(at + path, { redirect: 'manual', ...init, headers })
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      cookies.set(name, value)
    }
    return answer
  }
  const start = (query: Query = {}, id = 'google') =>
    ask(`/v1/auth/${id}?${new URLSearchParams({ code_challenge: challengeOf(verifier), ...query })}`)
  const back = (query: Query, at = url) => ask(`/v1/auth/callback?${new URLSearchParams(query)}`, {}, at)
  const begin = async (query: Query = {}, id = 'google') => stateOf(await start(query, id))
  const redeem = (code: string, code_verifier = verifier, at = url) =>
    ask('/v1/auth/token', { method: 'POST', body: JSON.stringify({ code, code_verifier }) }, at)

  return {
    verifier,
    cookies,
    ask,
    /** Asks for the way to a provider. */
    start,
    /** The same, for the state that the provider is told. */
    begin,
    /** Comes back from a provider. */
    back,
    /** All of that: the code that the frontend is told. */
    code: async (who: string, query: Query = {}, id = 'google') =>
      toldIn(await back({ state: await begin(query, id), code: who })).get('code') ?? '',
    redeem,
  }
}

/** What a frontend is told for its code. */
export interface Session {
  readonly token: string
  readonly session_id: string
  readonly expires_at: string
  readonly is_new_user: boolean
}
export const sessionIn = async (answer: Response) => (await answer.json()) as Session
/** What a redirect tells the frontend. */
export const toldIn = (answer: Response) => new URL(answer.headers.get('location') ?? 'none:').searchParams
/** The state that a redirect tells the provider. */
export const stateOf = (answer: Response) => toldIn(answer).get('state') ?? ''
