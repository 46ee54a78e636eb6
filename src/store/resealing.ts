import { getTableColumns, getTableName, sql } from 'drizzle-orm'
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core'
import { FieldFault, type Fields, fields, lookupHash, type Place } from './fields.ts'
import type { Keys } from './keys.ts'
import { lookupColumns, sealedColumns } from './sealed-columns.ts'
import { type Store, StoreFault, type Write } from './store.ts'

/** How far the re-encryption of one table is, in rows. */
export interface Progress {
  readonly table: string
  readonly done: number
  readonly of: number
}

interface Deps {
  store: Store
  from: Keys
  to: Keys
  /** Rows in a transaction. */
  batch: number
  report: (progress: Progress) => void
  /** What a value becomes before the keys of the old root go; of one that has become it, the same. */
  leaving: (place: Place, text: string) => string
}

/** Re-encrypts what is sealed in a database from one set of keys to another. */
export interface Resealing {
  /**
   * Opens all that is still under the old key, and writes nothing.
   * @throws StoreFault for a value that neither key opens.
   */
  check(): Promise<void>
  /**
   * Seals all that is still under the old key under the new one, a batch of rows at a time.
   * @throws StoreFault when somebody else writes meanwhile.
   */
  run(): Promise<void>
}

type Row = Readonly<Record<string, string | null>>

const ID = 'rowId'

/** Rows that the new key sealed already are passed over, so that a run goes on where another was killed. */
export function resealing({ store, from, to, batch, report, leaving }: Deps): Resealing {
  const keys = { from: fields(from.fields), to: fields(to.fields), lookup: to.lookup, leaving }
  const tables = [...new Set(sealedColumns.map(({ table }) => table))].map(table =>
    ofTable(store, table, { ...keys, batch }),
  )

  async function walk(visit: (table: SealedTable, rows: readonly Row[]) => Promise<void>, tell: Deps['report']) {
    for (const table of tables) {
      const [of, left] = [await table.count(), await table.left()]
      let done = of - left
      for await (const rows of table.batches()) {
        await visit(table, rows)
        done += rows.length
        tell({ table: table.name, done, of })
      }
    }
  }

  return {
    check: () =>
      walk(
        async (table, rows) => {
          for (const row of rows) table.reseal(row)
        },
        () => undefined,
      ),
    run: async () => {
      await walk((table, rows) => store.atomically(rows.map(table.reseal)), report)
      for (const table of tables) if ((await table.left()) > 0) throw disturbed()
    },
  }
}

type SealedTable = ReturnType<typeof ofTable>

interface Work {
  readonly batch: number
  readonly from: Fields
  readonly to: Fields
  readonly lookup: Uint8Array
  readonly leaving: Deps['leaving']
}

function ofTable(store: Store, table: SQLiteTable, { batch, ...keys }: Work) {
  const [row, columns] = columnsOf(table)
  const name = getTableName(table)
  const lookups = lookupColumns.filter(({ of }) => columns.includes(of))
  const { select, update, left, count } = statements(store, { table, row, columns, batch, prefix: keys.to.prefix })

  /** What a row's update is given for one column: what was read, that sealed anew, and its hashes. */
  function valuesOf(column: SQLiteColumn, id: string, sealed: string | null): (readonly [string, string | null])[] {
    const [old, fresh] = [`old ${column.name}`, `new ${column.name}`]
    const hashes = lookups.filter(({ of }) => of === column)
    if (sealed === null) return [old, fresh, ...hashes.map(hash => `new ${hash.column.name}`)].map(name => [name, null])
    const place = { table: name, column: column.name, row: id }
    const text = opened(place, sealed, sealed.startsWith(keys.to.prefix) ? keys.to : keys.from)
    return [
      [old, sealed],
      [fresh, keys.to.seal(place, keys.leaving(place, text))],
      ...hashes.map(({ column, what, normalised }) => {
        return [`new ${column.name}`, lookupHash(keys.lookup, what, normalised(text))] as const
      }),
    ]
  }

  return {
    name,
    count: async () => Number((await store.ask(() => count.execute()))[0]?.rows),
    /** Rows of which something is not under the new key yet. */
    left: async () => Number((await store.ask(() => left.execute()))[0]?.rows),
    /** Those rows. */
    batches: async function* () {
      for (let after = ''; ; ) {
        const rows: Row[] = await store.ask(() => select.execute({ after }))
        if (rows.length > 0) yield rows
        if (rows.length < batch) return
        after = idOf(rows.at(-1))
      }
    },
    /** The write that seals a row anew and makes its lookup hashes anew, unless it has changed since it was read. */
    reseal: (read: Row): Write => {
      const id = idOf(read)
      const values = columns.flatMap(column => valuesOf(column, id, read[column.name] ?? null))
      return { statement: update, values: { id, ...Object.fromEntries(values) } }
    },
  }
}

interface Shape {
  table: SQLiteTable
  row: SQLiteColumn
  columns: readonly SQLiteColumn[]
  batch: number
  prefix: string
}

const fresh = (column: SQLiteColumn) => sql`${sql.placeholder(`new ${column.name}`)}`

/** What is not found by its hash now is not to be found by it ever after. */
const whereThereIsOne = (column: SQLiteColumn) =>
  sql`CASE WHEN ${column} IS NULL THEN NULL ELSE CAST(${fresh(column)} AS TEXT) END`

function statements({ db }: Store, { table, row, columns, batch, prefix }: Shape) {
  // substr(), not LIKE: SQLite's takes capitals for small letters.
  const isLeft = sql.join(
    columns.map(column => sql`substr(${column}, 1, ${sql.raw(String(prefix.length))}) <> ${prefix}`),
    sql` OR `,
  )
  const isAsRead = columns.map(column => sql`${column} IS NOT DISTINCT FROM ${sql.placeholder(`old ${column.name}`)}`)
  const hashes = lookupColumns.filter(({ of }) => columns.includes(of)).map(({ column }) => column)
  const changed = Object.entries(getTableColumns(table))
    .filter(([, column]) => [...columns, ...hashes].includes(column))
    .map(([key, column]) => [key, hashes.includes(column) ? whereThereIsOne(column) : fresh(column)])
  const rows = { rows: sql<number>`count(*)` }
  return {
    select: db
      .select(Object.fromEntries([[ID, row], ...columns.map(column => [column.name, column])]))
      .from(table)
      .where(sql`${row} > ${sql.placeholder('after')} AND (${isLeft})`)
      .orderBy(row)
      .limit(batch)
      .prepare(),
    update: db
      .update(table)
      .set(Object.fromEntries(changed))
      .where(sql.join([sql`${row} = ${sql.placeholder('id')}`, ...isAsRead], sql` AND `))
      .prepare(),
    left: db.select(rows).from(table).where(isLeft).prepare(),
    count: db.select(rows).from(table).prepare(),
  }
}

/** The column of a table's row ids, and its sealed columns. */
function columnsOf(table: SQLiteTable): [SQLiteColumn, SQLiteColumn[]] {
  const sealed = sealedColumns.filter(each => each.table === table)
  const [first] = sealed
  if (!first) throw new TypeError(`${getTableName(table)} has no sealed column`)
  return [first.row, sealed.map(({ column }) => column)]
}

const idOf = (row: Row | undefined): string => row?.[ID] ?? ''

function opened(place: Place, sealed: string, key: Fields): string {
  try {
    return key.open(place, sealed)
  } catch (cause) {
    if (!(cause instanceof FieldFault)) throw cause
    const { table, column, row } = place
    throw new StoreFault(
      `The value of ${table}.${column} in row ${row} does not open: it is damaged, moved there, or of another key. Restore it from a copy or delete it, then run \`sealgate rekey\` again.`,
      { cause },
    )
  }
}

function disturbed(): StoreFault {
  return new StoreFault(
    'Another process wrote to the database meanwhile: stop every gateway on it and run `sealgate rekey` again.',
  )
}
