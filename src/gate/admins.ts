import { foldedEmail } from '../protocol/email.ts'
import type { Principal } from '../protocol/principal.ts'
import type { Fields } from '../store/fields.ts'

/** Who may administer, as the operator lists them; where nothing is given, nobody. */
export interface AdminRule {
  readonly emails: readonly string[]
  /** Google's organisations; heeded where no address is listed. */
  readonly domains: readonly string[]
  /** The scope of a JWT. */
  readonly scope: string | undefined
}

interface Deps {
  rule: AdminRule
  /** Whether a sign-in by mere word counts. */
  mockLogin: boolean
  fields: Fields
}

/** Whether somebody may administer, by what their own sign-in proved; whatever is kept of them since then says nothing. */
export type IsAdmin = (principal: Principal) => boolean

/** Judges a session by its sign-in, a JWT by its scopes; an API key never administers. */
export function admins({ rule, mockLogin, fields }: Deps): IsAdmin {
  const emails = new Set(rule.emails.map(foldedEmail))
  const domains = new Set(emails.size > 0 ? [] : rule.domains.map(foldedEmail))

  return ({ kind, scopes, account, signIn }) => {
    if (kind === 'jwt') return rule.scope !== undefined && scopes.has(rule.scope)
    if (kind !== 'session' || !account || !signIn?.proof || emails.size + domains.size === 0) return false
    // A database that dev mode has used may be opened without it.
    if (signIn.method === 'mock' && !mockLogin) return false
    const place = { table: 'sessions', column: 'proof', row: account.credential }
    const { email, domain }: Proof = JSON.parse(fields.open(place, signIn.proof))
    if (email !== null && emails.has(foldedEmail(email))) return true
    return signIn.method === 'google' && domain !== null && domains.has(foldedEmail(domain))
  }
}

/** What `gate/beginnings` seals. */
interface Proof {
  readonly email: string | null
  readonly domain: string | null
}
