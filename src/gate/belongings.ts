import { and, eq, sql } from 'drizzle-orm'
import { Problem } from '../protocol/problem.ts'
import type { Reference } from '../protocol/references-reading.ts'
import { late } from '../store/late.ts'
import { belongings as table } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

interface Deps {
  store: Store
  now: () => number
}

/** What of a backend's things belongs to whom. Each method throws Problem `database_unavailable`. */
export interface Belongings {
  /** @throws Problem `not_found` unless all of them belong to the owner. */
  check(owner: string, references: readonly Reference[]): Promise<void>
  /** The same of what a request works with: of conversations these are then the last used. */
  use(owner: string, references: readonly Reference[]): Promise<void>
  /** Forgets one that is no longer there. */
  forget(owner: string, reference: Reference): Promise<void>
}

/** Looks up who owns what. What belongs to somebody else and what is not there are one and the same. */
export function belongings({ store, now }: Deps): Belongings {
  const { find, touch, forget } = late(() => prepare(store))
  return {
    check: async (owner, references) => {
      for (const { kind, id } of references)
        if ((await store.ask(() => find.execute({ owner, kind, id }))).length === 0) throw noSuchThing()
    },
    use: async (owner, references) => {
      const at = now()
      for (const { kind, id } of references) {
        const look = kind === 'conversation' ? touch : find
        if ((await store.ask(() => look.execute({ owner, kind, id, at }))).length === 0) throw noSuchThing()
      }
    },
    forget: async (owner, { kind, id }) => {
      await store.ask(() => forget.execute({ owner, kind, id }))
    },
  }
}

/** The one refusal of an id that is unknown or somebody else's. */
export function noSuchThing(): Problem {
  return new Problem('not_found', 'You have nothing of that id.')
}

const value = (name: string) => sql`${sql.placeholder(name)}`

function prepare({ db }: Store) {
  const isIt = and(eq(table.kind, value('kind')), eq(table.id, value('id')), eq(table.owner, value('owner')))
  return {
    find: db.select({ id: table.id }).from(table).where(isIt).prepare(),
    touch: db
      .update(table)
      .set({ usedAt: sql`CASE WHEN ${table.usedAt} < ${value('at')} THEN ${value('at')} ELSE ${table.usedAt} END` })
      .where(isIt)
      .returning({ id: table.id })
      .prepare(),
    forget: db.delete(table).where(isIt).prepare(),
  }
}
