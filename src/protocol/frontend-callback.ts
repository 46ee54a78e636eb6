import { Problem } from './problem.ts'

// Without its port: an app on somebody's own machine takes whichever is free (RFC 8252 section 7.3).
const LOOPBACK = /^https?:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?=$|:)/
const DOOR = '/auth/callback'
// It is kept while a sign-in is under way, which anybody may begin, and comes back in a header.
const MOST_CHARACTERS = 2048

/**
 * Tells which frontends a sign-in may end at: those of a list of origins, a loopback one on whatever port.
 * Gives the callback as it was written.
 * @throws Problem `invalid_query`
 */
export function frontendCallbacks(origins: readonly string[]): (text: string) => string {
  const exact = new Set(origins)
  const loopbacks = new Set(origins.flatMap(origin => LOOPBACK.exec(origin) ?? []))
  return text => {
    if (text.length > MOST_CHARACTERS) throw invalid(`must be of at most ${MOST_CHARACTERS} characters`)
    const origin = originOf(text)
    const loopback = LOOPBACK.exec(origin)?.[0]
    if (loopback === undefined && !origin.startsWith('https:'))
      throw invalid('must be of https, unless it is of this very machine (localhost, 127.0.0.1, [::1])')
    if (!exact.has(origin) && !(loopback !== undefined && loopbacks.has(loopback)))
      throw invalid('must be of an origin that the operator has listed')
    return text
  }
}

function originOf(text: string): string {
  const url = /^https?:\/\//.test(text) && !/[?#]/.test(text) ? URL.parse(text) : null
  // What browsers forgive (blanks, backslashes, dots, other spellings of a host), others may read as another URL: what is
  // written must be what is parsed.
  const isPlain = url !== null && (url.href === text || url.href === `${text}/`)
  if (!isPlain || url.username !== '' || url.password !== '')
    throw invalid(
      'must be an absolute http or https URL in its plainest spelling, without a user, a query or a fragment',
    )
  return url.origin
}

function invalid(expected: string): Problem {
  return new Problem('invalid_query', `Invalid query: "frontend_callback" ${expected}.`)
}

/** Where a browser goes when its sign-in is over: to `/auth/callback` below a callback, with a query. */
export function redirectTo(callback: string, query: Readonly<Record<string, string>>): string {
  const url = new URL(callback)
  const base = url.pathname.replace(/\/$/, '')
  url.pathname = base.endsWith(DOOR) ? base : base + DOOR
  url.search = new URLSearchParams(query).toString()
  return url.href
}
