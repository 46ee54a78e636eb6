import { digestOf, newSessionToken } from '../protocol/credentials.ts'
import { DAY_MS } from '../protocol/metering.ts'
import { userOwnerOf } from '../protocol/principal.ts'
import { Problem } from '../protocol/problem.ts'
import type { Fields } from '../store/fields.ts'
import { late } from '../store/late.ts'
import type { Store } from '../store/store.ts'
import { activity } from './activity.ts'
import { sessionRows } from './session-rows.ts'

/** A session as its user may see it; times in milliseconds since the epoch. */
export interface Session {
  readonly id: string
  readonly createdAt: number
  readonly expiresAt: number
  /** How its user signed in, a provider's id or `mock`; of older ones that is not known. */
  readonly authMethod: string | null
}

/** A session with its token, which is told here and never again. */
export interface Begun extends Session {
  readonly token: string
}

/** A sign-in, and what was proven at it. */
export interface SignIn {
  readonly user: string
  /** Whether it made its user. */
  readonly isNew: boolean
  /** By which provider, or `mock`. */
  readonly method: string
  /** The address, where it was proven by one who is trusted with that. */
  readonly email: string | null
  /** The organisation's domain, where Google vouched for one (`hd`). */
  readonly domain: string | null
}

/** How sessions begin. Each method throws Problem `database_unavailable`. */
export interface Beginnings {
  begin(signIn: SignIn): Promise<Begun>
  /** Keeps one for 60 s, for whoever brings the code whose hash this is. */
  offer(signIn: SignIn, codeHash: string): Promise<void>
  /**
   * Begins the one that is kept for a code; a code that comes again ends what it began (RFC 6749 section 4.1.2).
   * @throws Problem `sign_in_failed`
   */
  redeem(codeHash: string): Promise<Begun & { readonly isNew: boolean }>
}

/** How long sessions last. */
export interface SessionDays {
  /** Days after the last renewal. */
  readonly idle: number
  /** Days after the sign-in, however much it is used. */
  readonly most: number
}

interface Deps {
  store: Store
  fields: Fields
  now: () => number
  days: SessionDays
  /** Forgets what is remembered of a user's. */
  forget: (user: string) => void
}

const OFFERED_MS = 60_000

/** When a session ends that is renewed at a time; all in milliseconds since the epoch. */
export function endFrom(at: number, createdAt: number, { idle, most }: SessionDays): number {
  return Math.min(at + idle * DAY_MS, createdAt + most * DAY_MS)
}

/** Begins sessions at sign-ins; what was proven stays with the session, and that it was is entered as an activity. */
export function beginnings({ store, fields, now, days, forget }: Deps): Beginnings {
  const { insert, redeem, revoke } = late(() => sessionRows(store))
  const { entered } = activity(store)

  function writes({ user, isNew, email, domain }: SignIn, session: Session & { digest: string; code: string | null }) {
    const { id, createdAt: at, authMethod } = session
    const proof = fields.seal({ table: 'sessions', column: 'proof', row: id }, JSON.stringify({ email, domain }))
    const row = { ...session, at, user, proof, isFirst: Number(isNew) }
    const kind = isNew ? ('signup' as const) : ('login' as const)
    return [{ statement: insert, values: row }, entered({ owner: userOwnerOf(user), at, kind, authMethod })]
  }

  return {
    begin: async signIn => {
      const [token, at] = [newSessionToken(), now()]
      const session = {
        id: crypto.randomUUID(),
        createdAt: at,
        expiresAt: endFrom(at, at, days),
        authMethod: signIn.method,
      }
      await store.atomically(writes(signIn, { ...session, digest: digestOf(token), code: null }))
      return { ...session, token }
    },
    offer: (signIn, code) => {
      const at = now()
      const session = { id: crypto.randomUUID(), createdAt: at, expiresAt: at + OFFERED_MS, authMethod: signIn.method }
      return store.atomically(writes(signIn, { ...session, digest: code, code }))
    },
    redeem: async code => {
      const [token, at] = [newSessionToken(), now()]
      const times = { createdAt: at, expiresAt: endFrom(at, at, days) }
      const values = { code, digest: digestOf(token), at, expiresAt: times.expiresAt }
      const [row] = await store.ask(() => redeem.execute(values))
      if (row) return { id: row.id, authMethod: row.authMethod, ...times, token, isNew: row.isFirst === 1 }
      for (const { userId } of await store.ask(() => revoke.execute({ code }))) forget(userId)
      throw signInFailed()
    },
  }
}

/** The one refusal of a state or a code that is unknown, used, expired or somebody else's. */
export function signInFailed(): Problem {
  const why = 'what it began with is unknown here, was used already, took too long, or is of another browser'
  return new Problem('sign_in_failed', `Sign-in failed: ${why}. Sign in again.`)
}
