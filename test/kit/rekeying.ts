import { copyFileSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { getTableName } from 'drizzle-orm'
import { openStore } from '../../src/store/open.ts'
import { sealedColumns } from '../../src/store/sealed-columns.ts'
import { runOn } from './database.ts'
import type { Engine } from './engines.ts'
import { people } from './people.ts'

/** A database of its own with so many people, written under a key; gives its URL. */
export async function populated(engine: Engine, dataKey: Uint8Array, count: number): Promise<string> {
  const url = await engine.fresh()
  const { store, keys } = await openStore({ url, dataKey, identityKey: undefined })
  await people(store, keys, count)
  await store.close()
  leave(url)
  return url
}

/**
 * Puts a file's copy in its place, as if this process had never had it open: bun:sqlite closes a connection for good
 * only when its statements are collected.
 */
export function leave(url: string): void {
  const path = fileOf(url)
  if (path === undefined) return
  copyFileSync(path, `${path}.copy`)
  for (const beside of ['-wal', '-shm']) rmSync(`${path}${beside}`, { force: true })
  renameSync(`${path}.copy`, path)
}

/** What a database's files hold, in hex; of PostgreSQL those of its tables and indexes, which a superuser may read. */
export async function filesOf(url: string): Promise<string> {
  const path = fileOf(url)
  if (path !== undefined) return readFileSync(path, 'hex')
  await runOn(url, 'CHECKPOINT')
  const [files] = await runOn<string>(
    url,
    `SELECT string_agg(encode(pg_read_binary_file(pg_relation_filepath(oid)), 'hex'), ' ') AS bytes
     FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = current_schema()::regnamespace`,
  )
  return files?.['bytes'] ?? ''
}

/** What is as before only if nothing was written: the file, or every row with the transaction that wrote it. */
export async function tracesOf(url: string): Promise<unknown> {
  if (fileOf(url) !== undefined) return filesOf(url)
  const tables = await runOn<string>(
    url,
    "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace ORDER BY 1",
  )
  const rows = tables.map(({ name }) => runOn(url, `SELECT xmin::text AS writer, t::text AS row FROM ${name} t`))
  return [tables, await Promise.all(rows)]
}

/** Every sealed value of a database, by its place. */
export async function sealedIn(url: string): Promise<Map<string, string | null>> {
  const values = new Map<string, string | null>()
  for (const { table, column, row } of sealedColumns) {
    const name = getTableName(table)
    const found = await runOn<string | null>(url, `SELECT ${row.name} AS id, ${column.name} AS sealed FROM ${name}`)
    for (const { id, sealed = null } of found) values.set(`${name}.${column.name} ${id}`, sealed)
  }
  return values
}

const fileOf = (url: string) => /^sqlite:(.+)/.exec(url)?.[1]
