import { and, eq, exists, gt, isNull, lt, type SQL, sql } from 'drizzle-orm'
import type { ApiKeys } from '../../gate/api-keys.ts'
import type { Ledger } from '../../gate/ledger.ts'
import type { Sessions } from '../../gate/sessions.ts'
import { nextTurn } from '../../protocol/json.ts'
import { faultOf, type Log } from '../../protocol/log.ts'
import { HOUR_MS } from '../../protocol/metering.ts'
import { userOwnerOf } from '../../protocol/principal.ts'
import { type Fields, lookupHash } from '../../store/fields.ts'
import { late } from '../../store/late.ts'
import { bans } from '../../store/operators-schema.ts'
import {
  activity,
  belongings,
  ledger as booked,
  files,
  apiKeys as keyRows,
  limits,
  linkedAccounts,
  receipts,
  sessions as sessionRows,
  slots,
  usageDays,
  usageHours,
  userSettings,
  users,
} from '../../store/schema.ts'
import type { Store } from '../../store/store.ts'

interface Deps {
  store: Store
  fields: Fields
  /** The key of the role `lookup`. */
  lookupKey: Uint8Array
  sessions: Sessions
  apiKeys: ApiKeys
  ledger: Ledger
  now: () => number
  log: Log
}

/** Deletes users, and all that is theirs. */
export interface Deletion {
  /**
   * Deletes a user: when it resolves, their sessions and keys are dead, and their address and accounts may sign in as somebody new.
   * The rest goes after that, off the caller's path.
   * @throws Problem `database_unavailable`
   */
  start(user: string): Promise<void>
  /** Goes on with those that were not finished, by whichever process. */
  sweep(): Promise<void>
}

// A turn of the event loop: 1 ms.
const PAGE_ROWS = 200
// A row that names nobody stays for so long: what was in flight is booked when it ends, and that goes too.
const LINGER_MS = HOUR_MS
const MOST_AT_ONCE = 100

/** What marks a user, ends what they have, and takes it away in batches. */
export function deletion(deps: Deps): Deletion {
  const { store, fields, lookupKey, sessions, apiKeys, ledger, now, log } = deps
  const { marked } = late(() => ({ marked: prepareMarked(store) }))
  const { receiptsOf, entries } = late(() => prepareEntries(store))
  let prepared: ReturnType<typeof prepare> | undefined
  const statements = () => {
    prepared ??= prepare(store)
    return prepared
  }

  /** Takes away some of an owner's rows in the ledger, each after its receipt, to which nothing else leads; tells how many. */
  async function purgeEntries(owner: string): Promise<number> {
    await store.ask(() => receiptsOf.execute({ owner }))
    return (await store.ask(() => entries.execute({ owner }))).length
  }

  async function purge(user: string): Promise<void> {
    const { atOnce, batches, unban, settle } = statements()
    await ledger.flush()
    for (const one of atOnce) await store.ask(() => one.execute({ user }))
    const owner = userOwnerOf(user)
    while ((await purgeEntries(owner)) === PAGE_ROWS) await nextTurn()
    for (const batch of batches)
      while ((await store.ask<unknown[]>(() => batch.execute({ owner }))).length === PAGE_ROWS) await nextTurn()
    const due = { user, before: now() - LINGER_MS }
    await store.ask(() => unban.execute({ ...due, owner }))
    await store.ask(() => settle.execute(due))
  }

  return {
    start: async user => {
      // Sealed and hashed as an address is, so that whoever changes keys meets nothing odd; no address looks like it.
      const email = fields.seal({ table: 'users', column: 'email', row: user }, user)
      const values = { user, email, emailHash: lookupHash(lookupKey, 'email', user), at: now() }
      const { mark, atOnce } = statements()
      try {
        await store.atomically([mark, ...atOnce].map(statement => ({ statement, values })))
      } finally {
        sessions.forget(user)
        apiKeys.forget(user)
      }
      purge(user).catch(error => log('warn', 'deletion_failed', { fault: faultOf(error) }))
    },
    sweep: async () => {
      for (const { id } of await store.ask(() => marked.execute())) await purge(id)
    },
  }
}

const value = (name: string) => sql`${sql.placeholder(name)}`
const SOME = sql`LIMIT ${sql.raw(String(PAGE_ROWS))}`

function prepare({ db }: Store) {
  const [user, owner] = [value('user'), value('owner')]
  const isDue = and(eq(users.id, user), lt(users.deletedAt, value('before')))
  // Said for the index of receipts, which has no others.
  const keyed = (key: SQL, table: SQL) =>
    sql`(${key}) IN (SELECT ${key} FROM ${table} WHERE owner = ${owner} AND owner <> '' ${SOME})`
  return {
    mark: db
      .update(users)
      .set({
        ...{ email: value('email'), emailHash: value('emailHash'), name: null, avatarUrl: null },
        updatedAt: value('at'),
        deletedAt: value('at'),
      })
      .where(and(eq(users.id, user), isNull(users.deletedAt)))
      .prepare(),
    /** What ends with the mark, and once more when whoever was at work then is done. */
    atOnce: [
      db.delete(linkedAccounts).where(eq(linkedAccounts.userId, user)).prepare(),
      db.delete(sessionRows).where(eq(sessionRows.userId, user)).prepare(),
      db.delete(keyRows).where(eq(keyRows.userId, user)).prepare(),
      db.delete(userSettings).where(eq(userSettings.userId, user)).prepare(),
    ],
    /** Each takes away some of an owner's, and tells how many. What they have at a backend is then nobody's. */
    batches: [
      db
        .update(belongings)
        .set({ owner: null })
        .where(keyed(sql`kind, id`, sql`belongings`))
        .returning({ id: belongings.id })
        .prepare(),
      db.delete(files).where(keyed(sql`id`, sql`files`)).returning({ owner: files.owner }).prepare(),
      db.delete(receipts).where(keyed(sql`id`, sql`receipts`)).returning({ id: receipts.id }).prepare(),
      db
        .delete(usageHours)
        .where(keyed(sql`owner, hour, model`, sql`usage_hours`))
        .returning({ owner: usageHours.owner })
        .prepare(),
      db
        .delete(usageDays)
        .where(keyed(sql`owner, day`, sql`usage_days`))
        .returning({ owner: usageDays.owner })
        .prepare(),
      db
        .delete(activity)
        .where(keyed(sql`owner, at, id`, sql`activity`))
        .returning({ owner: activity.owner })
        .prepare(),
      db.delete(limits).where(eq(limits.owner, owner)).returning({ owner: limits.owner }).prepare(),
      db.delete(slots).where(eq(slots.owner, owner)).returning({ owner: slots.owner }).prepare(),
    ],
    // Not before: for a few seconds another process may know a key of theirs.
    unban: db
      .delete(bans)
      .where(and(eq(bans.owner, owner), exists(db.select({ id: users.id }).from(users).where(isDue))))
      .prepare(),
    settle: db.delete(users).where(isDue).prepare(),
  }
}

function prepareMarked({ db }: Store) {
  return db
    .select({ id: users.id })
    .from(users)
    .where(gt(users.deletedAt, 0))
    .orderBy(users.deletedAt)
    .limit(MOST_AT_ONCE)
    .prepare()
}

function prepareEntries({ db }: Store) {
  const theirs = sql`FROM ledger WHERE owner = ${value('owner')}`
  return {
    receiptsOf: db.delete(receipts).where(sql`id IN (SELECT id ${theirs} ORDER BY at, id ${SOME})`).prepare(),
    // One that was booked between the two has its receipt still, and stays for the next time.
    entries: db
      .delete(booked)
      .where(
        sql`(owner, at, id) IN (SELECT owner, at, id ${theirs} AND NOT EXISTS
          (SELECT 1 FROM receipts WHERE receipts.id = ledger.id) ORDER BY at, id ${SOME})`,
      )
      .returning({ id: booked.id })
      .prepare(),
  }
}
