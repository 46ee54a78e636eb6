import { eq, gt, isNull, lte, or, sql } from 'drizzle-orm'
import type { Fields } from '../store/fields.ts'
import { late } from '../store/late.ts'
import { bans as table } from '../store/operators-schema.ts'
import type { Store, Write } from '../store/store.ts'

/** That an owner may ask nothing for a while, or for good. */
export interface Ban {
  readonly owner: string
  readonly reason: string
  /** The owner of who banned them. */
  readonly by: string
  /** In milliseconds since the epoch. */
  readonly at: number
  /** When it ends, in milliseconds since the epoch; `null` where it does not. */
  readonly until: number | null
}

/** When the ban of each owner ends; `null` where it does not. */
export type Ends = ReadonlyMap<string, number | null>

/** The rows of bans, their reasons sealed. */
export function banRows(store: Store, fields: Fields) {
  const statements = late(() => prepare(store))
  const placeOf = (row: string) => ({ table: 'bans', column: 'reason', row })
  return {
    /** Those that have not ended at that time. */
    endsAfter: async (at: number): Promise<Ends> =>
      new Map((await store.ask(() => statements.ends.execute({ at }))).map(({ owner, until }) => [owner, until])),
    /** Whether it has ended or not. */
    find: async (owner: string): Promise<Ban | undefined> => {
      const [row] = await store.ask(() => statements.find.execute({ owner }))
      if (!row) return undefined
      return { owner, reason: fields.open(placeOf(owner), row.reason), by: row.bannedBy, at: row.at, until: row.until }
    },
    put: ({ reason, ...ban }: Ban): Write => {
      return { statement: statements.put, values: { ...ban, reason: fields.seal(placeOf(ban.owner), reason) } }
    },
    remove: (owner: string): Write => ({ statement: statements.remove, values: { owner } }),
    /** Deletes those that have ended by that time. */
    sweep: async (at: number): Promise<void> => {
      await store.ask(() => statements.sweep.execute({ at }))
    },
  }
}

const value = (name: string) => sql`${sql.placeholder(name)}`

function prepare({ db }: Store) {
  const [owner, at] = [value('owner'), value('at')]
  const row = { reason: value('reason'), bannedBy: value('by'), at, until: sql`CAST(${value('until')} AS BIGINT)` }
  return {
    ends: db
      .select({ owner: table.owner, until: table.until })
      .from(table)
      .where(or(isNull(table.until), gt(table.until, at)))
      .prepare(),
    find: db.select().from(table).where(eq(table.owner, owner)).prepare(),
    put: db
      .insert(table)
      .values({ owner, ...row })
      .onConflictDoUpdate({ target: table.owner, set: row })
      .prepare(),
    remove: db.delete(table).where(eq(table.owner, owner)).prepare(),
    sweep: db.delete(table).where(lte(table.until, at)).prepare(),
  }
}
