import { and, eq, isNull, lte, sql } from 'drizzle-orm'
import type { Reference } from '../protocol/references-reading.ts'
import { late } from '../store/late.ts'
import { belongings as table } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

/** A thing at a backend that is nobody's. */
export interface Orphan extends Reference {
  readonly tries: number
}

/** What nobody owns and is to be deleted. Each method throws Problem `database_unavailable`. */
export interface Orphans {
  /** Some of those that are due, the longest due first. */
  due(): Promise<readonly Orphan[]>
  /** Takes one up until some later time; whether nobody else did just now. */
  take(orphan: Orphan, until: number): Promise<boolean>
  /** Forgets one that the backend does not have any more. */
  forget(orphan: Orphan): Promise<void>
}

interface Deps {
  store: Store
  now: () => number
}

const MOST_AT_ONCE = 200

/**
 * Things without an owner, among those that have one: so of a thing that is given to somebody and disowned at the same
 * moment, by whichever processes, one or the other comes to be.
 */
export function orphans({ store, now }: Deps): Orphans {
  const { due, take, forget } = late(() => prepare(store))
  return {
    due: () => store.ask(() => due.execute({ at: now() })),
    take: async (orphan, until) => (await store.ask(() => take.execute({ ...orphan, until }))).length > 0,
    forget: async orphan => {
      await store.ask(() => forget.execute({ ...orphan }))
    },
  }
}

const value = (name: string) => sql`${sql.placeholder(name)}`

function prepare({ db }: Store) {
  const isIt = and(eq(table.kind, value('kind')), eq(table.id, value('id')), isNull(table.owner))
  return {
    due: db
      .select({ kind: table.kind, id: table.id, tries: table.tries })
      .from(table)
      .where(and(isNull(table.owner), lte(table.dueAt, value('at'))))
      .orderBy(table.dueAt)
      .limit(MOST_AT_ONCE)
      .prepare(),
    take: db
      .update(table)
      .set({ tries: sql`${table.tries} + 1`, dueAt: value('until') })
      .where(and(isIt, eq(table.tries, value('tries'))))
      .returning({ id: table.id })
      .prepare(),
    forget: db.delete(table).where(isIt).prepare(),
  }
}
