import { join } from 'node:path'
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
  /** How many random schedules a law is tried with: here they take ten times as long as there. */
  readonly runs: number
}

// One server for all files of a process, and begun here: what a test begins, Bun kills where that test takes too long.
const { TEST_POSTGRES_URL: server = (await postgresServer()).url } = process.env

const sqlite: Engine = {
  name: 'SQLite',
  fresh: async () => `sqlite:${join(freshDirectory(), 'sealgate.db')}`,
  run: runOn,
  runs: 100,
}

/** For what is told of PostgreSQL alone. */
export const postgres: Engine = { name: 'PostgreSQL', fresh: freshSchema, run: runOn, runs: 8 }

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
