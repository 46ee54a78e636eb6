import { and, desc, eq, gt, isNull, lt, sql } from 'drizzle-orm'
import { digestOf, isSessionToken, newSessionToken } from '../protocol/credentials.ts'
import { faultOf, type Log } from '../protocol/log.ts'
import { DAY_MS } from '../protocol/metering.ts'
import { ACCOUNT_SCOPES, type Principal, userOwnerOf } from '../protocol/principal.ts'
import { tokenProblem } from '../protocol/token.ts'
import { sessions as table, users } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { type Learned, memory } from './memory.ts'

/** A sign-in as its user may see it; times in milliseconds since the epoch. */
export interface Session {
  readonly id: string
  readonly createdAt: number
  readonly expiresAt: number
}

/** The sessions of all users. Each method throws Problem `database_unavailable`. */
export interface Sessions {
  /**
   * Whose session a token is of; at once if it was asked a moment ago.
   * @throws Problem `token_malformed`, `session_not_found`, `session_expired`
   */
  find(token: string): Principal | Promise<Principal>
  /** Begins one. Its token is told here and never again. */
  begin(user: string): Promise<Session & { readonly token: string }>
  /** A user's own that have not ended, the latest first. */
  list(user: string): Promise<Session[]>
  /** Ends one of a user's own; whether there was such a one. */
  end(user: string, id: string): Promise<boolean>
  /** Ends all of a user. */
  endAll(user: string): Promise<void>
  /** Forgets what is remembered of a user's. */
  forget(user: string): void
  /** Deletes those that ended long ago. */
  sweep(): Promise<void>
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
export function sessions({ store, now, log, days }: Deps): Sessions {
  const statements = prepare(store)
  const remembered = memory<Principal>(now)

  // By the settings of today: shorter ones hold at once, longer ones from the next renewal on.
  const endOf = ({ createdAt, renewedAt, expiresAt }: Times) =>
    Math.min(expiresAt, renewedAt + days.idle * DAY_MS, createdAt + days.most * DAY_MS)
  const endFrom = (at: number, createdAt: number) => Math.min(at + days.idle * DAY_MS, createdAt + days.most * DAY_MS)

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
    const principal: Principal = { kind: 'session', owner, scopes: ACCOUNT_SCOPES, client: undefined, account }
    return { value: principal, until: Math.min(end, at + REMEMBERED_MS), from: at }
  }

  function renew({ id, createdAt, renewedAt }: Times & { id: string }, at: number): void {
    const values = { id, seen: renewedAt, at, expiresAt: endFrom(at, createdAt) }
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
    begin: async user => {
      const token = newSessionToken()
      const at = now()
      const row = { id: crypto.randomUUID(), createdAt: at, expiresAt: endFrom(at, at) }
      await store.ask(() => statements.insert.execute({ ...row, user, digest: digestOf(token) }))
      return { ...row, token }
    },
    list: async user => {
      const at = now()
      const rows = await store.ask(() => statements.list.execute({ user, at }))
      return rows.map(row => ({ id: row.id, createdAt: row.createdAt, expiresAt: endOf(row) })).filter(isLiveAt(at))
    },
    end: async (user, id) => {
      try {
        return (await store.ask(() => statements.end.execute({ user, id }))).length > 0
      } finally {
        forget(user)
      }
    },
    endAll: async user => {
      try {
        await store.ask(() => statements.endAll.execute({ user }))
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

const value = (name: string) => sql`${sql.placeholder(name)}`

function prepare({ db }: Store) {
  const [id, user, digest, at] = [value('id'), value('user'), value('digest'), value('at')]
  const times = { createdAt: table.createdAt, renewedAt: table.renewedAt, expiresAt: table.expiresAt }
  return {
    // Of a user who is being deleted there is none any more, whatever another process has just begun.
    find: db
      .select({ id: table.id, userId: table.userId, ...times })
      .from(table)
      .innerJoin(users, and(eq(users.id, table.userId), isNull(users.deletedAt)))
      .where(eq(table.tokenHash, digest))
      .prepare(),
    insert: db
      .insert(table)
      .values({
        ...{ id, userId: user, tokenHash: digest },
        createdAt: value('createdAt'),
        renewedAt: value('createdAt'),
        expiresAt: value('expiresAt'),
      })
      .prepare(),
    /** Only what was looked at: of several that would renew it, one does. */
    renew: db
      .update(table)
      .set({ renewedAt: at, expiresAt: value('expiresAt') })
      .where(and(eq(table.id, id), eq(table.renewedAt, value('seen'))))
      .prepare(),
    list: db
      .select({ id: table.id, ...times })
      .from(table)
      .where(and(eq(table.userId, user), gt(table.expiresAt, at)))
      .orderBy(desc(table.createdAt), table.id)
      .prepare(),
    end: db
      .delete(table)
      .where(and(eq(table.id, id), eq(table.userId, user)))
      .returning({ id: table.id })
      .prepare(),
    endAll: db.delete(table).where(eq(table.userId, user)).prepare(),
    sweep: db
      .delete(table)
      .where(lt(table.expiresAt, value('before')))
      .prepare(),
  }
}
