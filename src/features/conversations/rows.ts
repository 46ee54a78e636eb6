import { and, asc, desc, eq, type SQL, sql } from 'drizzle-orm'
import { noSuchThing } from '../../gate/belongings.ts'
import { isPlainId } from '../../protocol/ids.ts'
import { late } from '../../store/late.ts'
import { belongings as table } from '../../store/schema.ts'
import type { Store } from '../../store/store.ts'

/** Whether the last used comes last, or first. */
export type Order = 'asc' | 'desc'

/** A conversation that somebody owns: its id, and when it was last used, in milliseconds since the epoch. */
export interface Row {
  readonly id: string
  readonly usedAt: number
}

interface Asked {
  readonly order: Order
  /** Behind this one. */
  readonly behind: Row
  /** As many as this at most. */
  readonly count: number
}

/** Which conversations belong to whom. Each method throws Problem `database_unavailable`. */
export interface Rows {
  /** Some of an owner's, in the order of their last use, and of one millisecond in the order of their ids. */
  page(owner: string, asked: Asked): Promise<Row[]>
  /** One of an owner's. @throws Problem `not_found` */
  one(owner: string, id: string): Promise<Row>
  /** Forgets some of an owner's. */
  forget(owner: string, ids: readonly string[]): Promise<void>
}

/** What the first of all is behind. */
export const START: Readonly<Record<Order, Row>> = {
  asc: { usedAt: -1, id: '' },
  desc: { usedAt: Number.MAX_SAFE_INTEGER, id: '' },
}

// On SQLite they are written in one turn of the event loop.
const AT_ONCE = 200

/** Conversations by owner, as the database keeps them. */
export function conversationRows(store: Store): Rows {
  const statements = late(() => prepare(store))
  return {
    page: (owner, { order, behind, count }) =>
      store.ask(() => statements[order].execute({ owner, count, id: behind.id, usedAt: behind.usedAt })),
    one: async (owner, id) => {
      // PostgreSQL takes no text with a NUL in it.
      const [row] = isPlainId(id) ? await store.ask(() => statements.one.execute({ owner, id })) : []
      if (!row) throw noSuchThing()
      return row
    },
    forget: async (owner, ids) => {
      const writes = ids.map(id => ({ statement: statements.forget, values: { owner, id } }))
      for (let at = 0; at < writes.length; at += AT_ONCE) await store.atomically(writes.slice(at, at + AT_ONCE))
    },
  }
}

const value = (name: string) => sql`${sql.placeholder(name)}`

function prepare({ db }: Store) {
  const row = { id: table.id, usedAt: table.usedAt }
  const isOwn = and(eq(table.kind, sql`'conversation'`), eq(table.owner, value('owner')))
  const isIt = and(isOwn, eq(table.id, value('id')))
  const place = sql`(CAST(${value('usedAt')} AS BIGINT), CAST(${value('id')} AS TEXT))`
  const page = (isBehind: SQL, by: typeof asc) =>
    db
      .select(row)
      .from(table)
      .where(and(isOwn, isBehind))
      .orderBy(by(table.usedAt), by(table.id))
      .limit(sql.placeholder('count'))
      .prepare()
  return {
    asc: page(sql`(${table.usedAt}, ${table.id}) > ${place}`, asc),
    desc: page(sql`(${table.usedAt}, ${table.id}) < ${place}`, desc),
    one: db.select(row).from(table).where(isIt).prepare(),
    forget: db.delete(table).where(isIt).prepare(),
  }
}
