import { and, desc, eq, isNull, lt, or, sql } from 'drizzle-orm'
import { digestOf, isApiKey, newApiKey, prefixOf } from '../protocol/credentials.ts'
import { faultOf, type Log } from '../protocol/log.ts'
import { HOUR_MS } from '../protocol/metering.ts'
import { ACCOUNT_SCOPES, type Principal, userOwnerOf } from '../protocol/principal.ts'
import { Problem } from '../protocol/problem.ts'
import { tokenProblem } from '../protocol/token.ts'
import type { Fields } from '../store/fields.ts'
import { late } from '../store/late.ts'
import { apiKeys as table, users } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { type Learned, memory } from './memory.ts'
import { REMEMBERED_MS } from './sessions.ts'

/** A key as its user may see it; times in milliseconds since the epoch. */
export interface ApiKey {
  readonly id: string
  readonly prefix: string
  readonly name: string
  readonly createdAt: number
  readonly expiresAt: number | null
  /** To the hour. */
  readonly lastUsedAt: number | null
}

/** The API keys of all users. Each method throws Problem `database_unavailable`. */
export interface ApiKeys {
  /**
   * Whose key this is; at once if it was asked a moment ago.
   * @throws Problem `token_malformed`, `key_not_found`, `key_expired`
   */
  find(key: string): Principal | Promise<Principal>
  /**
   * Makes one. The key itself is told here and never again.
   * @throws Problem `too_many_keys`
   */
  make(user: string, given: { name: string; expiresAt: number | null }): Promise<ApiKey & { readonly key: string }>
  /** A user's own, the latest first. */
  list(user: string): Promise<ApiKey[]>
  /** Revokes one of a user's own; whether there was such a one. */
  revoke(user: string, id: string): Promise<boolean>
  /** Forgets what is remembered of a user's. */
  forget(user: string): void
}

interface Deps {
  store: Store
  fields: Fields
  now: () => number
  log: Log
}

const MOST_KEYS = 100

/** API keys, SHA-256 at rest, whose last use is noted by the hour, off the request's path. */
export function apiKeys({ store, fields, now, log }: Deps): ApiKeys {
  const statements = late(() => prepare(store))
  const remembered = memory<Principal>(now)
  const placeOf = (row: string) => ({ table: 'api_keys', column: 'name', row })

  async function look(digest: string): Promise<Learned<Principal>> {
    let at = 0
    const [row] = await store.ask(() => {
      at = now()
      return statements.find.execute({ digest })
    })
    if (!row) throw tokenProblem('key_not_found', 'API key not found: it was revoked, or never was. Make a new one.')
    const end = row.expiresAt ?? Number.POSITIVE_INFINITY
    if (end <= at) throw tokenProblem('key_expired', 'API key expired: make a new one.')
    note(row, at)
    const account = { user: row.userId, credential: row.id }
    const owner = userOwnerOf(row.userId)
    const principal: Principal = { kind: 'key', owner, scopes: ACCOUNT_SCOPES, client: undefined, account }
    return { value: principal, until: Math.min(end, at + REMEMBERED_MS), from: at }
  }

  function note({ id, lastUsedAt }: { id: string; lastUsedAt: number | null }, at: number): void {
    const hour = Math.floor(at / HOUR_MS) * HOUR_MS
    if (lastUsedAt !== null && lastUsedAt >= hour) return
    store
      .ask(() => statements.note.execute({ id, hour }))
      .catch(error => log('warn', 'credentials_failed', { fault: faultOf(error) }))
  }

  const forget = (user: string) => remembered.forget(({ account }) => account?.user === user)

  return {
    find: key => {
      if (!isApiKey(key))
        throw tokenProblem('token_malformed', 'Malformed API key: "sk-sg-" and 40 hex digits, checksum included.')
      const digest = digestOf(key)
      return remembered.get(digest) ?? remembered.learn(digest, () => look(digest))
    },
    make: async (user, { name, expiresAt }) => {
      const key = newApiKey()
      const row = { id: crypto.randomUUID(), prefix: prefixOf(key), createdAt: now(), expiresAt }
      const values = { ...row, user, digest: digestOf(key), name: fields.seal(placeOf(row.id), name) }
      await store.atomically([statements.queue, statements.insert].map(statement => ({ statement, values })))
      const made = await store.ask(() => statements.made.execute({ id: row.id }))
      if (made.length === 0)
        throw new Problem('too_many_keys', `You have ${MOST_KEYS} keys, as many as there may be: revoke one first.`)
      return { ...row, name, lastUsedAt: null, key }
    },
    list: async user => {
      const rows = await store.ask(() => statements.list.execute({ user }))
      return rows.map(row => ({ ...row, name: fields.open(placeOf(row.id), row.name) }))
    },
    revoke: async (user, id) => {
      try {
        return (await store.ask(() => statements.revoke.execute({ user, id }))).length > 0
      } finally {
        forget(user)
      }
    },
    forget,
  }
}

const value = (name: string) => sql`${sql.placeholder(name)}`

function prepare({ db }: Store) {
  const [id, user, digest, hour] = [value('id'), value('user'), value('digest'), value('hour')]
  // Not every engine infers the type of a parameter in a SELECT.
  const text = (name: string) => sql`CAST(${value(name)} AS TEXT)`
  const whole = (name: string) => sql`CAST(${value(name)} AS BIGINT)`
  return {
    find: db
      .select({ id: table.id, userId: table.userId, expiresAt: table.expiresAt, lastUsedAt: table.lastUsedAt })
      .from(table)
      .innerJoin(users, and(eq(users.id, table.userId), isNull(users.deletedAt)))
      .where(eq(table.keyHash, digest))
      .prepare(),
    /**
     * Changes nothing, and holds the user's row until the transaction ends: of several that make a key, each counts
     * those of the one before. Alone, PostgreSQL's INSERT would count what was there when it began.
     */
    queue: db
      .update(users)
      .set({ updatedAt: sql`${users.updatedAt}` })
      .where(eq(users.id, user))
      .prepare(),
    /** Writes nothing where the user has too many. */
    insert: db
      .insert(table)
      .select(
        sql`SELECT ${text('id')}, ${text('user')}, ${text('digest')}, ${text('prefix')}, ${text('name')},
          ${whole('createdAt')}, ${whole('expiresAt')}, CAST(NULL AS BIGINT)
          WHERE (SELECT count(*) FROM ${table} WHERE ${table.userId} = ${user}) < ${sql.raw(String(MOST_KEYS))}`,
      )
      .prepare(),
    made: db.select({ id: table.id }).from(table).where(eq(table.id, id)).prepare(),
    list: db
      .select({
        id: table.id,
        prefix: table.prefix,
        name: table.name,
        createdAt: table.createdAt,
        expiresAt: table.expiresAt,
        lastUsedAt: table.lastUsedAt,
      })
      .from(table)
      .where(eq(table.userId, user))
      .orderBy(desc(table.createdAt), table.id)
      .prepare(),
    revoke: db
      .delete(table)
      .where(and(eq(table.id, id), eq(table.userId, user)))
      .returning({ id: table.id })
      .prepare(),
    note: db
      .update(table)
      .set({ lastUsedAt: hour })
      .where(and(eq(table.id, id), or(isNull(table.lastUsedAt), lt(table.lastUsedAt, hour))))
      .prepare(),
  }
}
