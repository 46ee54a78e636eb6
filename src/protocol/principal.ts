import { createHmac } from 'node:crypto'

/** What a caller may do. */
export type Scope = 'inference'

/**
 * Whoever calls, however they proved it. `owner` is opaque and the only thing anything is keyed by; issuer and
 * subject are forgotten once it is made.
 */
export interface Principal {
  readonly kind: 'jwt' | 'session' | 'key'
  readonly owner: string
  readonly scopes: ReadonlySet<string>
  /** The application that asked for the token, if it said (`client_id`, else `azp`). */
  readonly client: string | undefined
  /** Whose session or key it is, and which; absent for a JWT. */
  readonly account?: { readonly user: string; readonly credential: string }
  /** Of a session: how its user signed in, and what that proved, sealed as it is kept. */
  readonly signIn?: { readonly method: string | null; readonly proof: string | null }
}

/** What a session or an API key may do. */
export const ACCOUNT_SCOPES: ReadonlySet<string> = new Set<Scope>(['inference'])

/** The owner of all that belongs to a user. */
export function userOwnerOf(userId: string): string {
  return `u_${userId.replaceAll('-', '')}`
}

/** The user whose owner this is; `undefined` for whatever is no user's owner. */
export function userOf(owner: string): string | undefined {
  const [, ...groups] = /^u_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/.exec(owner) ?? []
  return groups.length > 0 ? groups.join('-') : undefined
}

/**
 * `j_` and the first 128 bits (hex) of HMAC-SHA256(identity key, JSON `[iss, sub]`): the same caller always has the
 * same owner, and without the key nobody can tell whose it is.
 */
export function ownerOf(identityKey: Uint8Array, issuer: string | null, subject: string): string {
  const mac = createHmac('sha256', identityKey)
    .update(JSON.stringify([issuer, subject]))
    .digest('hex')
  return `j_${mac.slice(0, 32)}`
}

/** Whether a text may be the owner of somebody who calls. */
export const isCallersOwner = (text: string): boolean => /^[uj]_[\da-f]{32}$/.test(text)

/** The owner of what is counted by address and not by caller: keyed, so that no address stands in the database. */
export function addressOwnerOf(identityKey: Uint8Array, route: string, address: string): string {
  const mac = createHmac('sha256', identityKey)
    .update(JSON.stringify(['address', route, address]))
    .digest('hex')
  return `a_${mac.slice(0, 32)}`
}
