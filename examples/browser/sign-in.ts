import { explained, refusal } from './failures.ts'

/** Somebody by whose word one may sign in. */
export interface Provider {
  readonly id: string
  readonly name: string
  /** Where signing in begins. */
  readonly url: string
}

/** What a sign-in ends with. Whoever has the token is its user, for as long as the session lasts. */
export interface Session {
  readonly token: string
  readonly session_id: string
  readonly expires_at: string
  readonly is_new_user: boolean
}

const VERIFIER = 'verifier'

/** What a gateway answers. @throws Refusal or Unreachable, in words that may be shown */
export async function ask(url: string, init: RequestInit = {}): Promise<Response> {
  const answer = await fetch(url, init).catch(async () => {
    throw await explained(new URL(url).origin)
  })
  if (!answer.ok) throw await refusal(answer)
  return answer
}

/** By whom one may sign in at a gateway. */
export async function providersOf(gateway: string): Promise<readonly Provider[]> {
  const { providers }: { providers: readonly Provider[] } = await (await ask(`${gateway}/v1/auth/providers`)).json()
  return providers
}

/** Leaves this page for the provider's, from where the browser comes back to `/auth/callback` of this origin. */
export async function leaveFor({ url }: Provider): Promise<void> {
  const verifier = base64Url(crypto.getRandomValues(new Uint8Array(32)))
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))
  // Of this tab alone: without it nobody can do anything with the code that comes back.
  sessionStorage.setItem(VERIFIER, verifier)
  const query = { frontend_callback: location.origin, code_challenge: base64Url(new Uint8Array(digest)) }
  location.assign(`${url}?${new URLSearchParams(query)}`)
}

/** The session of a sign-in that comes back to this page; nothing where the page was opened otherwise. */
export async function comeBack(gateway: string): Promise<Session | undefined> {
  if (location.pathname !== '/auth/callback') return undefined
  const told = new URLSearchParams(location.search)
  history.replaceState(null, '', '/')
  const verifier = sessionStorage.getItem(VERIFIER)
  sessionStorage.removeItem(VERIFIER)
  // Somebody else may have sent this browser here, to have it work under an account of theirs.
  if (verifier === null) throw new Error('No sign-in was begun in this tab. Begin one here.')
  if (told.has('error')) throw new Error(`${told.get('error_description')} (${told.get('error')})`)
  const body = JSON.stringify({ code: told.get('code'), code_verifier: verifier })
  return (await ask(`${gateway}/v1/auth/token`, { method: 'POST', body })).json()
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, '-')
    .replace(/\//g, '_')
    .replace(/=+$/, '')
}
