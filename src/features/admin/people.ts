import { and, desc, eq, isNull, sql } from 'drizzle-orm'
import { type Profile, profileColumns, profileOf } from '../../gate/profile.ts'
import { foldedEmail } from '../../protocol/email.ts'
import { userOwnerOf } from '../../protocol/principal.ts'
import { type Fields, lookupHash } from '../../store/fields.ts'
import { late } from '../../store/late.ts'
import { activity, apiKeys, ledger, linkedAccounts, users } from '../../store/schema.ts'
import type { Store } from '../../store/store.ts'
import type { Page, Sought } from './query.ts'

/** A user, and how they come here. */
interface Standing {
  readonly profile: Profile
  /** By whom they can sign in, in the order of the alphabet. */
  readonly providers: readonly string[]
  /** How many keys of theirs open something. */
  readonly keys: number
  /** When they last signed in, made something or asked a backend, in milliseconds since the epoch. */
  readonly lastActive: number | null
}

/** All users but those who are being deleted. Each method throws Problem `database_unavailable`. */
export interface People {
  /** A page, the newest first. */
  page(page: Page): Promise<Profile[]>
  count(): Promise<number>
  find(sought: Sought): Promise<Profile | undefined>
  standing(user: string): Promise<Standing | undefined>
}

interface Deps {
  store: Store
  fields: Fields
  /** The key of the role `lookup`. */
  lookupKey: Uint8Array
  now: () => number
}

/** Users as whoever administers may see them. */
export function people({ store, fields, lookupKey, now }: Deps): People {
  const { page, count, byId, byEmail, standing, providers } = late(() => prepare(store))
  return {
    page: async ({ limit, offset }) =>
      (await store.ask(() => page.execute({ limit, offset }))).map(row => profileOf(fields, row)),
    count: async () => (await store.ask(() => count.execute()))[0]?.rows ?? 0,
    find: async sought => {
      const [row] = await store.ask(() =>
        'user' in sought
          ? byId.execute({ user: sought.user })
          : byEmail.execute({ emailHash: lookupHash(lookupKey, 'email', foldedEmail(sought.email)) }),
      )
      return row && profileOf(fields, row)
    },
    standing: async user => {
      const [row] = await store.ask(() => standing.execute({ user, owner: userOwnerOf(user), at: now() }))
      if (!row) return undefined
      const moments = [row.acted, row.asked].filter(at => at !== null)
      return {
        profile: profileOf(fields, row),
        providers: (await store.ask(() => providers.execute({ user }))).map(({ provider }) => provider),
        keys: row.keys,
        lastActive: moments.length > 0 ? Math.max(...moments) : null,
      }
    },
  }
}

const value = (name: string) => sql`${sql.placeholder(name)}`

function prepare({ db }: Store) {
  const isIt = and(eq(users.id, value('user')), isNull(users.deletedAt))
  // By the key of either table: one step.
  const lastOf = (table: typeof activity | typeof ledger) =>
    sql<number | null>`(SELECT max(at) FROM ${table} WHERE owner = ${value('owner')})`.mapWith(Number)
  return {
    page: db
      .select(profileColumns)
      .from(users)
      .where(isNull(users.deletedAt))
      .orderBy(desc(users.createdAt), desc(users.id))
      .limit(sql.placeholder('limit'))
      .offset(sql.placeholder('offset'))
      .prepare(),
    count: db
      .select({ rows: sql`count(*)`.mapWith(Number) })
      .from(users)
      .where(isNull(users.deletedAt))
      .prepare(),
    byId: db.select(profileColumns).from(users).where(isIt).prepare(),
    byEmail: db
      .select(profileColumns)
      .from(users)
      .where(and(eq(users.emailHash, value('emailHash')), isNull(users.deletedAt)))
      .prepare(),
    standing: db
      .select({
        ...profileColumns,
        keys: sql`(SELECT count(*) FROM ${apiKeys} WHERE user_id = ${value('user')} AND coalesce(expires_at > ${value('at')}, true))`.mapWith(
          Number,
        ),
        acted: lastOf(activity),
        asked: lastOf(ledger),
      })
      .from(users)
      .where(isIt)
      .prepare(),
    providers: db
      .selectDistinct({ provider: linkedAccounts.provider })
      .from(linkedAccounts)
      .where(eq(linkedAccounts.userId, value('user')))
      .orderBy(linkedAccounts.provider)
      .prepare(),
  }
}
