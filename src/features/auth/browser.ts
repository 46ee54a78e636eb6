import { createHmac, timingSafeEqual } from 'node:crypto'
import { newSecret } from '../../protocol/pkce.ts'

const NAME = 'sealgate-browser'
/** How long a sign-in may take. */
export const SIGN_IN_MS = 600_000

/** Tells browsers apart while they sign in, by a cookie. */
export interface Browsers {
  /** The browser that a request comes from; `undefined` unless it brings exactly one cookie, and that is from here. */
  of(request: Request): string | undefined
  /** One that is new. */
  fresh(): string
  /** The cookie by which it is known, as `Set-Cookie` has it. */
  cookieOf(browser: string): string
}

/**
 * Cookies are random and signed, so that nobody can choose one. `__Host-` keeps neighbours below the same domain from
 * setting it (RFC 6265bis section 4.1.3.2), and asks for https: over plain http, on loopback, the cookie does without.
 */
export function browsers({ key, publicUrl }: { key: Uint8Array; publicUrl: string }): Browsers {
  const isSecure = publicUrl.startsWith('https:')
  const name = isSecure ? `__Host-${NAME}` : NAME
  // Lax: it must come along when the provider sends the browser back.
  const attributes = `Path=/; Max-Age=${SIGN_IN_MS / 1000}; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`
  const signed = (browser: string) => `${browser}.${createHmac('sha256', key).update(browser).digest('base64url')}`

  return {
    of: ({ headers }) => {
      const brought = (headers.get('cookie') ?? '').split(';').map(pair => pair.trim())
      const [value, another] = brought.filter(pair => pair.startsWith(`${name}=`)).map(it => it.slice(name.length + 1))
      if (value === undefined || another !== undefined) return undefined
      const browser = value.slice(0, value.indexOf('.'))
      return isSame(value, signed(browser)) ? browser : undefined
    },
    fresh: newSecret,
    cookieOf: browser => `${name}=${signed(browser)}; ${attributes}`,
  }
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}
