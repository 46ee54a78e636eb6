import { digestOf, isSessionToken } from '../protocol/credentials.ts'
import { faultOf, type Log } from '../protocol/log.ts'
import { DAY_MS } from '../protocol/metering.ts'
import { ACCOUNT_SCOPES, type Principal, userOwnerOf } from '../protocol/principal.ts'
import { tokenProblem } from '../protocol/token.ts'
import type { Fields } from '../store/fields.ts'
import { late } from '../store/late.ts'
import type { sessions as table } from '../store/schema.ts'
import type { Store, Write } from '../store/store.ts'
import { type Beginnings, beginnings, endFrom, type Session, type SessionDays } from './beginnings.ts'
import { type Learned, memory } from './memory.ts'
import { sessionRows } from './session-rows.ts'

/** The sessions of all users. Each method throws Problem `database_unavailable`. */
export interface Sessions extends Beginnings {
  /**
   * Whose session a token is of; at once if it was asked a moment ago.
   * @throws Problem `token_malformed`, `session_not_found`, `session_expired`
   */
  find(token: string): Principal | Promise<Principal>
  /** A user's own that have not ended, the latest first. */
  list(user: string): Promise<Session[]>
  /** Ends one of a user's own; whether there was such a one. */
  end(user: string, id: string): Promise<boolean>
  /** Ends all of a user; what is to be written `beside` that is, all or nothing. */
  endAll(user: string, beside?: readonly Write[]): Promise<void>
  /** Forgets what is remembered of a user's. */
  forget(user: string): void
  /** Deletes those that ended long ago. */
  sweep(): Promise<void>
}

interface Deps {
  store: Store
  fields: Fields
  now: () => number
  log: Log
  days: SessionDays
}

type Times = Pick<typeof table.$inferSelect, 'createdAt' | 'renewedAt' | 'expiresAt'>

/** How long a revocation may take to reach other processes. */
export const REMEMBERED_MS = 5000
// Who comes back soon after is told that it expired, and not that there was none.
const EXPIRED_KEPT_MS = 7 * DAY_MS

/** Sessions whose tokens are SHA-256 at rest, and which a day's first use renews, off that request's path. */
export function sessions({ store, fields, now, log, days }: Deps): Sessions {
  const statements = late(() => sessionRows(store))
  const remembered = memory<Principal>(now)

  // By the settings of today: shorter ones hold at once, longer ones from the next renewal on.
  const endOf = ({ createdAt, renewedAt, expiresAt }: Times) =>
    Math.min(expiresAt, renewedAt + days.idle * DAY_MS, createdAt + days.most * DAY_MS)

  async function look(digest: string): Promise<Learned<Principal>> {
    let at = 0
    const [row] = await store.ask(() => {
      at = now()
      return statements.find.execute({ digest })
    })
    if (!row) throw tokenProblem('session_not_found', 'Session not found: it was ended, or never was. Sign in again.')
    const end = endOf(row)
    if (end <= at) throw tokenProblem('session_expired', 'Session expired: sign in again.')
    if (at - row.renewedAt >= DAY_MS) renew(row, at)
    const account = { user: row.userId, credential: row.id }
    const owner = userOwnerOf(row.userId)
    const signIn = { method: row.method, proof: row.proof }
    const principal: Principal = { kind: 'session', owner, scopes: ACCOUNT_SCOPES, client: undefined, account, signIn }
    return { value: principal, until: Math.min(end, at + REMEMBERED_MS), from: at }
  }

  function renew({ id, createdAt, renewedAt }: Times & { id: string }, at: number): void {
    const values = { id, seen: renewedAt, at, expiresAt: endFrom(at, createdAt, days) }
    store
      .ask(() => statements.renew.execute(values))
      .catch(error => log('warn', 'credentials_failed', { fault: faultOf(error) }))
  }

  const forget = (user: string) => remembered.forget(({ account }) => account?.user === user)

  return {
    find: token => {
      if (!isSessionToken(token))
        throw tokenProblem('token_malformed', 'Malformed session token: "sess_" and 32 hex digits are expected.')
      const digest = digestOf(token)
      return remembered.get(digest) ?? remembered.learn(digest, () => look(digest))
    },
    ...beginnings({ store, fields, now, days, forget }),
    list: async user => {
      const at = now()
      const rows = await store.ask(() => statements.list.execute({ user, at }))
      return rows
        .map(row => ({ id: row.id, createdAt: row.createdAt, expiresAt: endOf(row), authMethod: row.authMethod }))
        .filter(isLiveAt(at))
    },
    end: async (user, id) => {
      try {
        return (await store.ask(() => statements.end.execute({ user, id }))).length > 0
      } finally {
        forget(user)
      }
    },
    endAll: async (user, beside = []) => {
      try {
        await store.atomically([{ statement: statements.endAll, values: { user } }, ...beside])
      } finally {
        forget(user)
      }
    },
    forget,
    sweep: async () => {
      await store.ask(() => statements.sweep.execute({ before: now() - EXPIRED_KEPT_MS }))
    },
  }
}

const isLiveAt = (at: number) => (session: Session) => session.expiresAt > at
