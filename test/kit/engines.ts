import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { runOn } from './database.ts'
import { freshDirectory } from './directory.ts'
import { postgresServer } from './postgres.ts'

/** One of the two databases that a store may stand on. */
export interface Engine {
  readonly name: 'SQLite' | 'PostgreSQL'
  /** The URL of a database that is new. */
  fresh(): Promise<string>
  /** Runs a statement on a connection of its own, as another program would; gives its rows. */
  run: typeof runOn
  /** All that a database keeps: the bytes of its files, or as a dump tells it, every row of every table as text. */
  kept(url: string): Promise<Buffer>
  /** How many random schedules a law is tried with: here they take ten times as long as there. */
  readonly runs: number
}

// One server for all files of a process, and begun here: what a test begins, Bun kills where that test takes too long.
const { TEST_POSTGRES_URL: server = (await postgresServer()).url } = process.env

const sqlite: Engine = {
  name: 'SQLite',
  fresh: async () => `sqlite:${join(freshDirectory(), 'sealgate.db')}`,
  run: runOn,
  kept: async url => bytesIn(dirname(url.replace('sqlite:', ''))),
  runs: 100,
}

/** For what is told of PostgreSQL alone. */
export const postgres: Engine = { name: 'PostgreSQL', fresh: freshSchema, run: runOn, kept: rowsOf, runs: 8 }

/** Both, so that what is told of one is told of the other: `describe.each(engines)('on $name', …)`. */
export const engines: readonly Engine[] = [sqlite, postgres]

/** A schema of its own: 1 ms, in place of 50 for a database. */
async function freshSchema(): Promise<string> {
  const url = new URL(server)
  const name = `test_${crypto.randomUUID().replaceAll('-', '')}`
  await runOn(server, `CREATE SCHEMA ${name}`)
  url.searchParams.set('search_path', name)
  return url.href
}

const bytesIn = (directory: string) =>
  Buffer.concat(readdirSync(directory).map(name => readFileSync(join(directory, name))))

async function rowsOf(url: string): Promise<Buffer> {
  const texts: string[] = []
  const tables = await runOn<string>(url, 'SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()')
  for (const { name } of tables)
    for (const { row } of await runOn<string>(url, `SELECT CAST(it AS TEXT) AS row FROM ${name} AS it`))
      texts.push(`${name} ${row}\n`)
  return Buffer.from(texts.join(''))
}
