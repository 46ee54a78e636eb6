import { randomBytes } from 'node:crypto'
import { lt, sql } from 'drizzle-orm'
import { nextTurn } from '../protocol/json.ts'
import { late } from '../store/late.ts'
import { activity as table } from '../store/schema.ts'
import type { Store, Write } from '../store/store.ts'

// So many take 2 ms of SQLite, in which nobody else is served; 500,000 take two seconds.
const PAGE_ROWS = 200

/** Something an owner did. */
export interface Act {
  readonly owner: string
  /** In milliseconds since the epoch. */
  readonly at: number
  readonly kind: 'signup' | 'login'
  readonly authMethod: string | null
}

/** What owners did, in ids. */
export function activity(store: Store) {
  const { insert, sweep } = late(() => prepare(store))
  return {
    /** The write that enters one, to be done with what it tells of. */
    entered: (act: Act): Write => ({ statement: insert, values: { ...act, id: randomBytes(8).toString('hex') } }),
    /** Deletes what was done before a time, in milliseconds since the epoch. */
    sweep: async (before: number): Promise<void> => {
      while ((await store.ask(() => sweep.execute({ before }))).length === PAGE_ROWS) await nextTurn()
    },
  }
}

const value = (name: string) => sql`${sql.placeholder(name)}`

function prepare({ db }: Store) {
  const { owner, at, id } = table
  const old = db
    .select({ owner, at, id })
    .from(table)
    .where(lt(at, value('before')))
    .limit(PAGE_ROWS)
  return {
    insert: db
      .insert(table)
      .values({
        ...{ owner: value('owner'), at: value('at'), id: value('id') },
        ...{ kind: value('kind'), authMethod: value('authMethod') },
      })
      .prepare(),
    sweep: db.delete(table).where(sql`(${owner}, ${at}, ${id}) IN ${old}`).returning({ id }).prepare(),
  }
}
