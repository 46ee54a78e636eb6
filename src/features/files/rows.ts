import { and, asc, desc, eq, type SQL, sql } from 'drizzle-orm'
import { noSuchThing } from '../../gate/belongings.ts'
import { isPlainId } from '../../protocol/ids.ts'
import type { Fields } from '../../store/fields.ts'
import { late } from '../../store/late.ts'
import { belongings, files as table } from '../../store/schema.ts'
import type { Store, Write } from '../../store/store.ts'
import type { File } from './told.ts'

/** Whether the last made comes last, or first. */
export type Order = 'asc' | 'desc'

/** A place among files: a second, and in it an id. */
type Place = Pick<File, 'id' | 'createdAt'>

interface Asked {
  readonly order: Order
  /** Behind this one. */
  readonly behind: Place
  /** Of this purpose alone. */
  readonly purpose: string | undefined
  /** As many as this at most. */
  readonly count: number
}

/** What is known of files that somebody owns. Each method that waits throws Problem `database_unavailable`. */
export interface Rows {
  /** Notes a file, for the transaction that gives it to its owner, and there if it did. */
  noted(owner: string, file: File): Write
  /** Some of an owner's, in the order in which they were made, and of one second in the order of their ids. */
  page(owner: string, asked: Asked): Promise<File[]>
  /** One of an owner's. @throws Problem `not_found` */
  one(owner: string, id: string): Promise<File>
  /** Forgets one of an owner's, and that it is theirs. */
  forget(owner: string, id: string): Promise<void>
}

/** What the first of all is behind. */
export const START: Readonly<Record<Order, Place>> = {
  asc: { createdAt: -1, id: '' },
  desc: { createdAt: Number.MAX_SAFE_INTEGER, id: '' },
}

interface Deps {
  store: Store
  fields: Fields
}

/** Files by owner, as the database keeps them: their names sealed. */
export function fileRows({ store, fields }: Deps): Rows {
  const { note, one, forget, disown, asc, desc } = late(() => prepare(store))
  const pages = { asc, desc }
  const placeOf = (row: string) => ({ table: 'files', column: 'filename', row })
  const opened = ({ owner: _, ...row }: typeof table.$inferSelect): File => ({
    ...row,
    filename: fields.open(placeOf(row.id), row.filename),
    purpose: JSON.parse(row.purpose),
  })
  return {
    noted: (owner, { filename, purpose, ...file }) => ({
      statement: note,
      values: {
        ...{ owner, ...file, purpose: JSON.stringify(purpose) },
        filename: fields.seal(placeOf(file.id), filename),
      },
    }),
    page: async (owner, { order, behind: { id, createdAt }, purpose, count }) => {
      const values = { owner, count, id, createdAt, purpose: purpose === undefined ? null : JSON.stringify(purpose) }
      return (await store.ask(() => pages[order].execute(values))).map(opened)
    },
    one: async (owner, id) => {
      // PostgreSQL takes no text with a NUL in it.
      const [row] = isPlainId(id) ? await store.ask(() => one.execute({ owner, id })) : []
      if (!row) throw noSuchThing()
      return opened(row)
    },
    forget: (owner, id) => store.atomically([forget, disown].map(statement => ({ statement, values: { owner, id } }))),
  }
}

const value = (name: string) => sql`${sql.placeholder(name)}`
// Not every engine infers the type of a parameter in a SELECT.
const text = (name: string) => sql`CAST(${value(name)} AS TEXT)`
const whole = (name: string) => sql`CAST(${value(name)} AS BIGINT)`

function prepare({ db }: Store) {
  const isOwn = eq(table.owner, value('owner'))
  const isIt = and(isOwn, eq(table.id, value('id')))
  const isBelonging = and(
    ...[eq(belongings.kind, sql`'file'`), eq(belongings.id, value('id')), eq(belongings.owner, value('owner'))],
  )
  const place = sql`(${whole('createdAt')}, ${text('id')})`
  const isMeant = sql`(${text('purpose')} IS NULL OR ${table.purpose} = ${text('purpose')})`
  const page = (isBehind: SQL, by: typeof asc) =>
    db
      .select()
      .from(table)
      .where(and(isOwn, isMeant, isBehind))
      .orderBy(by(table.createdAt), by(table.id))
      .limit(sql.placeholder('count'))
      .prepare()
  return {
    note: db
      .insert(table)
      .select(
        sql`SELECT ${text('id')}, ${text('owner')}, ${whole('bytes')}, ${whole('createdAt')}, ${whole('expiresAt')},
          ${text('filename')}, ${text('purpose')} WHERE EXISTS (SELECT 1 FROM ${belongings} WHERE ${isBelonging})`,
      )
      .onConflictDoNothing()
      .prepare(),
    asc: page(sql`(${table.createdAt}, ${table.id}) > ${place}`, asc),
    desc: page(sql`(${table.createdAt}, ${table.id}) < ${place}`, desc),
    one: db.select().from(table).where(isIt).prepare(),
    forget: db.delete(table).where(isIt).prepare(),
    disown: db.delete(belongings).where(isBelonging).prepare(),
  }
}
