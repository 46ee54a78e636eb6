import { challengeOf, newSecret } from '../../src/protocol/pkce.ts'
import { cookieJar } from './jar.ts'
import type { Session } from './sign-in.ts'

type Query = Readonly<Record<string, string>>

interface Places {
  /** Where the frontend reaches the gateway. */
  readonly url: string
  /** Where providers send browsers back to; there too unless given. */
  readonly publicUrl?: string
}

let browsers = 0

/** A frontend in a browser of its own, somewhere in the world, that signs people in by providers that are real. */
export function frontend({ url, publicUrl = url }: Places) {
  const jar = cookieJar()
  const verifier = newSecret()
  // An address of its own, so that nobody is limited for the others.
  const headers = { 'x-forwarded-for': `2001:db8:${(browsers++).toString(16)}::1` }
  const ask = (target: string | URL, init: RequestInit = {}) => jar.ask(target, { ...init, headers })

  /** Asks the gateway for the way to a provider. */
  const start = (provider: string, query: Query = { code_challenge: challengeOf(verifier) }) =>
    ask(`${url}/v1/auth/${provider}?${new URLSearchParams(query)}`)
  /** Passes the provider's pages; gives the address by which it sends back here. */
  const pass = (answer: Response) => jar.walk(answer.headers.get('location') ?? 'none:', publicUrl)
  /** Goes where the provider sends, by way of whatever stands before a gateway. */
  const back = (way: URL, at = url) => ask(at + way.pathname + way.search)
  const redeem = (code: string) =>
    ask(`${url}/v1/auth/token`, { method: 'POST', body: JSON.stringify({ code, code_verifier: verifier }) })

  /** All of it up to the frontend's door; gives what is told there. */
  async function told(provider: string, query?: Query): Promise<Record<string, string>> {
    const answer = await back(await pass(await start(provider, query)))
    return Object.fromEntries(new URL(answer.headers.get('location') ?? 'none:').searchParams)
  }

  return {
    start,
    pass,
    back,
    redeem,
    told,
    /** The session that it ends with, and what is kept of its user. */
    signIn: async (provider: string) => {
      const answer = await redeem((await told(provider))['code'] ?? '')
      const session = (await answer.json()) as Session
      return { session, ...(await meOf(url, session.token)) }
    },
  }
}

interface Me {
  readonly user: { readonly id: string } & Readonly<Record<'email' | 'name' | 'avatar_url', string | null>>
  readonly linked_accounts: readonly { readonly provider: string }[]
}

/** Who a session is of. */
export async function meOf(url: string, token: string): Promise<Me> {
  const answer = await fetch(`${url}/v1/users/me`, { headers: { authorization: `Bearer ${token}` } })
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
  return (await answer.json()) as Me
}
