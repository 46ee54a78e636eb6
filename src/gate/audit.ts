import { randomBytes } from 'node:crypto'
import { desc, type SQL, sql } from 'drizzle-orm'
import type { Fields } from '../store/fields.ts'
import { late } from '../store/late.ts'
import { audit as table } from '../store/operators-schema.ts'
import type { Store, Write } from '../store/store.ts'

/** What administrators may change. */
type Action =
  | 'models.change'
  | 'models.forget'
  | 'configs.change'
  | 'owners.ban'
  | 'owners.unban'
  | 'sessions.end'
  | 'vpc.revoke'

/** A change that an administrator makes. */
export interface Deed {
  /** The owner of who makes it. */
  readonly admin: string
  readonly action: Action
  /** The id of what it is done to. */
  readonly about: string | null
  /** What was given: no prompt, and no secret. */
  readonly details: Readonly<Record<string, unknown>> | null
}

/** A change that was made. */
export interface Done extends Omit<Deed, 'action'> {
  readonly id: string
  /** In milliseconds since the epoch. */
  readonly at: number
  readonly action: string
}

/** What administrators changed, in a list to which entries are only added. */
export interface Audit {
  /** The write that enters a change, to be done in one transaction with it. */
  entered(deed: Deed): Write
  /** The same of a change that may find nothing to change: it is entered where the condition holds. To be prepared once. */
  enteredWhere(condition: SQL): (deed: Deed) => Write
  /** A page, the latest first, and how many there are in all. @throws Problem `database_unavailable` */
  list(page: { limit: number; offset: number }): Promise<{ entries: Done[]; total: number }>
}

interface Deps {
  store: Store
  fields: Fields
  now: () => number
}

/** The list of the changes, what was given with them sealed. */
export function audit({ store, fields, now }: Deps): Audit {
  const { insert, list, count } = late(() => prepare(store))
  const placeOf = (row: string) => ({ table: 'audit', column: 'details', row })

  function rowOf({ details, ...deed }: Deed) {
    const at = now()
    const id = at.toString(16).padStart(12, '0') + randomBytes(8).toString('hex')
    return { ...deed, id, at, details: details && fields.seal(placeOf(id), JSON.stringify(details)) }
  }

  return {
    entered: deed => ({ statement: insert, values: rowOf(deed) }),
    enteredWhere: condition => {
      const { statement } = late(() => ({ statement: insertWhere(store, condition) }))
      return deed => ({ statement, values: rowOf(deed) })
    },
    list: async page => {
      const rows = await store.ask(() => list.execute({ ...page }))
      const [all] = await store.ask(() => count.execute())
      const entries = rows.map(({ details, ...row }) => ({
        ...row,
        details: details === null ? null : JSON.parse(fields.open(placeOf(row.id), details)),
      }))
      return { entries, total: all?.rows ?? 0 }
    },
  }
}

const value = (name: string) => sql`${sql.placeholder(name)}`
// Not every engine infers the type of a parameter in a SELECT.
const text = (name: string) => sql`CAST(${value(name)} AS TEXT)`

function insertWhere({ db }: Store, condition: SQL) {
  return db
    .insert(table)
    .select(
      sql`SELECT ${text('id')}, CAST(${value('at')} AS BIGINT), ${text('admin')}, ${text('action')}, ${text('about')}, ${text('details')} WHERE ${condition}`,
    )
    .prepare()
}

function prepare({ db }: Store) {
  return {
    insert: db
      .insert(table)
      .values({
        ...{ id: value('id'), at: value('at'), admin: value('admin') },
        ...{ action: value('action'), about: value('about'), details: value('details') },
      })
      .prepare(),
    list: db
      .select()
      .from(table)
      .orderBy(desc(table.id))
      .limit(sql.placeholder('limit'))
      .offset(sql.placeholder('offset'))
      .prepare(),
    count: db
      .select({ rows: sql`count(*)`.mapWith(Number) })
      .from(table)
      .prepare(),
  }
}
