import { SQLiteError, Database as SqliteFile } from 'bun:sqlite'
import { drizzle } from 'drizzle-orm/bun-sqlite'
import { Problem } from '../protocol/problem.ts'
import { MIGRATIONS } from './migrations.ts'
import { type Database, type Store, StoreFault } from './store.ts'

// bun:sqlite is synchronous: a wait inside SQLite stands still for all callers, and the waits of many callers add up.
// So SQLite itself never waits, and all the waiting is done here, between the turns of the event loop.
const BUSY_MS = 0
const RETRY_MS = 20
const PATIENCE_MS = 5000

/**
 * Opens a SQLite database without writing to it; `path` may be `:memory:`.
 * @throws StoreFault when the file cannot be opened, is no database, or was written by a newer sealgate.
 */
export async function openSqlite(path: string): Promise<Store> {
  const file = await atStart(path, () => openFile(path))
  const version = await atStart(path, () => versionOf(file))
  if (version > MIGRATIONS.length) {
    file.close()
    throw new StoreFault(
      `The database ${path} has schema ${version}, this binary knows ${MIGRATIONS.length}: start a newer sealgate, or use another DATABASE_URL.`,
    )
  }
  const db = drizzle(file) as unknown as Database
  let isOurs = false
  return {
    db,
    isNew: version === 0,
    ask: async statement => {
      try {
        return await patiently(statement)
      } catch (cause) {
        throw new Problem('database_unavailable', 'The database does not answer: try again in a moment.', {
          headers: { 'retry-after': '1' },
          cause,
        })
      }
    },
    migrate: async () => {
      await atStart(path, () => migrate(file))
      isOurs = true
    },
    close: () => {
      if (isOurs) checkpoint(file)
      file.close()
    },
  }
}

function openFile(path: string): SqliteFile {
  const file = new SqliteFile(path, { create: true, readwrite: true, strict: true })
  file.run(`PRAGMA busy_timeout = ${BUSY_MS}`)
  return file
}

function versionOf(file: SqliteFile): number {
  if (!file.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'").get()) return 0
  const row = file.query<{ version: number }, []>('SELECT coalesce(max(number), 0) AS version FROM migrations').get()
  return row?.version ?? 0
}

function migrate(file: SqliteFile): void {
  file.run('PRAGMA journal_mode = WAL')
  file.run('PRAGMA synchronous = NORMAL')
  // BEGIN IMMEDIATE takes the write lock, so that of many starting processes one migrates and the rest find it done;
  // and a database that cannot be written says so now, not at the first request.
  file
    .transaction(() => {
      file.run('CREATE TABLE IF NOT EXISTS migrations (number BIGINT PRIMARY KEY NOT NULL)')
      for (const [index, statements] of MIGRATIONS.entries()) {
        if (index < versionOf(file)) continue
        for (const statement of statements) file.run(statement)
        file.run('INSERT INTO migrations (number) VALUES (?)', [index + 1])
      }
      file.run('UPDATE migrations SET number = number WHERE number = 1')
    })
    .immediate()
}

// bun:sqlite leaves a connection half open while a statement of it waits for the garbage collector, and so the last
// one to close does not move the WAL into the database: without this, a stopped gateway's file may lack its tables.
function checkpoint(file: SqliteFile): void {
  try {
    file.run('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch {
    // What stays in the WAL is not lost: the next to open the database reads it there.
  }
}

/** Runs a statement again while another process holds the write lock, for five seconds at most. */
async function patiently<T>(statement: () => T | Promise<T>): Promise<T> {
  for (let waited = 0; ; waited += RETRY_MS) {
    try {
      return await statement()
    } catch (error) {
      if (!isBusy(error) || waited >= PATIENCE_MS) throw error
      await Bun.sleep(RETRY_MS)
    }
  }
}

async function atStart<T>(path: string, step: () => T): Promise<T> {
  try {
    return await patiently(step)
  } catch (cause) {
    const why =
      cause instanceof SQLiteError ? (REASONS[cause.code?.split('_')[1] ?? ''] ?? cause.code) : 'unknown error'
    throw new StoreFault(`The database ${path} cannot be used: ${why}. Check DATABASE_URL.`, { cause })
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof SQLiteError && error.code?.startsWith('SQLITE_BUSY') === true
}

const REASONS: Record<string, string> = {
  CANTOPEN: 'its directory is missing or may not be written to',
  NOTADB: 'the file is not a SQLite database',
  CORRUPT: 'the file is damaged',
  READONLY: 'it may not be written to',
  FULL: 'the disk is full',
  IOERR: 'the disk reports an error',
  PERM: 'access is denied',
  BUSY: 'another process keeps it locked',
}
