import { type SQLQueryBindings, Database as SqliteFile } from 'bun:sqlite'
import { fillPlaceholders } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/bun-sqlite'
import { Problem } from '../protocol/problem.ts'
import { filesOf } from './files.ts'
import { MIGRATIONS } from './migrations.ts'
import { atOnce, sharing } from './sharing.ts'
import { type Database, type Store, StoreFault, type Write } from './store.ts'

// bun:sqlite is synchronous: a wait inside SQLite stands still for all callers, and the waits of many callers add up.
// So SQLite itself never waits, and all the waiting is done here, between the turns of the event loop.
const BUSY_MS = 0
const RETRY_MS = 20
const PATIENCE_MS = 5000

// Changes nothing, and writes: on a full or failing disk a database may be read for a long time.
const PROBE = 'UPDATE migrations SET number = number WHERE number = 1'

/**
 * Opens a SQLite database without writing to it; `path` may be `:memory:`.
 * @throws StoreFault when the file cannot be opened, is no database or another application's, is damaged, or was
 * written by a newer sealgate.
 */
export async function openSqlite(path: string): Promise<Store> {
  const { file, version } = await ourFile(path)
  const db = drizzle(file) as unknown as Database
  const together = transactionsOf(file)
  const lookedAfter = () => (path === ':memory:' ? { areOurs: () => true } : filesOf(path, () => renewWal(file)))
  let files = { areOurs: () => true }
  let isOurs = false
  let isDamaged = false

  async function ask<T>(statement: () => T | Promise<T>): Promise<T> {
    try {
      if (!files.areOurs()) throw new StoreFault('its files were removed or replaced')
      return await patiently(statement)
    } catch (cause) {
      isDamaged ||= DAMAGED.has(reasonCode(cause))
      throw new Problem('database_unavailable', 'The database does not answer: try again in a moment.', {
        headers: { 'retry-after': '1' },
        cause,
      })
    }
  }

  const { share, flush } = sharing(file, ask)

  function probe(): void {
    if (isDamaged) inspect(file)
    isDamaged = false
    file.run(PROBE)
  }

  return {
    db,
    isNew: version === 0,
    ask,
    share,
    atomically: writes => ask(() => together.immediate(writes)),
    isWritable: () =>
      ask(probe).then(
        () => true,
        () => false,
      ),
    migrate: async () => {
      await atStart(path, () => migrate(file))
      isOurs = true
      files = lookedAfter()
    },
    isAlone: async () => {
      const alone = await isAlone(path, file)
      // It may have made the files beside the database anew.
      files = lookedAfter()
      return alone
    },
    compact: () => ask(() => compact(file)),
    forget: () => file.run('PRAGMA shrink_memory'),
    ...ONE_CLOCK,
    close: async () => {
      flush()
      if (isOurs) checkpoint(file)
      file.close()
    },
  }
}

/** Opens the file, and looks whether it may be used. @throws StoreFault */
async function ourFile(path: string): Promise<{ file: SqliteFile; version: number }> {
  const file = await atStart(path, () => openFile(path))
  if (await atStart(path, () => isForeign(file))) {
    file.close()
    throw new StoreFault(`The database ${path} belongs to another application: use another DATABASE_URL.`)
  }
  const version = await atStart(path, () => versionOf(file))
  if (version > MIGRATIONS.length) {
    file.close()
    throw new StoreFault(
      `The database ${path} has schema ${version}, this binary knows ${MIGRATIONS.length}: start a newer sealgate, or use another DATABASE_URL.`,
    )
  }
  if (version > 0) await atStart(path, () => inspect(file))
  return { file, version }
}

/**
 * Synchronous from BEGIN to COMMIT, so that no other statement of this process comes between; what throws is rolled back.
 */
const transactionsOf = (file: SqliteFile) =>
  file.transaction((writes: readonly Write[]) => {
    let last: Write['statement'] | undefined
    let [query, places]: [ReturnType<typeof file.query>?, unknown[]?] = []
    for (const { statement, values } of writes) {
      // Rows of a batch follow each other: what they have in common is asked for once.
      if (statement !== last) {
        const { sql, params } = statement.getQuery()
        ;[query, places, last] = [file.query(sql), params, statement]
      }
      query?.run(...(fillPlaceholders(places ?? [], values) as SQLQueryBindings[]))
    }
  })

function compact(file: SqliteFile): void {
  file.run('VACUUM')
  checkpoint(file)
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

/** Whether there are tables, and ours is not among them: one look, for another process may be making them right now. */
function isForeign(file: SqliteFile): boolean {
  const look =
    "SELECT count(*) AS tables, coalesce(sum(name = 'migrations'), 0) AS ours FROM sqlite_master WHERE type = 'table'"
  const found = file.query<{ tables: number; ours: number }, []>(look).get()
  return found !== null && found.tables > 0 && found.ours === 0
}

// A file is shared on one machine only.
const ONE_CLOCK = { aheadMs: () => 0, compareClocks: async () => undefined }

/** Throws where the file's pages do not fit together: better no start than an answer for some callers only. */
function inspect(file: SqliteFile): void {
  // What was read of a damaged page is forgotten: the file may have been mended.
  file.run('PRAGMA shrink_memory')
  const found = file.query<{ quick_check: string }, []>('PRAGMA quick_check(1)').get()?.quick_check
  if (found !== 'ok') throw Object.assign(new Error('quick_check'), { code: 'SQLITE_CORRUPT' })
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
      file.run(PROBE)
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

/** Moves the WAL into the database and begins a new one; only where no other process has the database open. */
function renewWal(file: SqliteFile): void {
  file.run('PRAGMA journal_mode = DELETE')
  file.run('PRAGMA journal_mode = WAL')
  file.run(PROBE)
}

/** Tries what only a connection that has the database to itself may do. */
async function isAlone(path: string, file: SqliteFile): Promise<boolean> {
  if (path === ':memory:') return true
  try {
    renewWal(file)
    return true
  } catch (error) {
    if (reasonCode(error) !== 'BUSY') throw error
    return false
  }
}

/** Runs a statement again while another process holds the write lock, for five seconds at most. */
async function patiently<T>(statement: () => T | Promise<T>): Promise<T> {
  const giveUp = performance.now() + PATIENCE_MS
  for (let pause = 1; ; pause = Math.min(RETRY_MS, pause * 2)) {
    try {
      return await atOnce(statement())
    } catch (error) {
      if (reasonCode(error) !== 'BUSY' || performance.now() > giveUp) throw error
      await Bun.sleep(pause)
    }
  }
}

async function atStart<T>(path: string, step: () => T): Promise<T> {
  try {
    return await patiently(step)
  } catch (cause) {
    const code = reasonCode(cause)
    throw new StoreFault(
      `The database ${path} cannot be used: ${REASONS[code] ?? `error ${code}`}. Check DATABASE_URL.`,
      { cause },
    )
  }
}

/** What SQLite says went wrong, `BUSY` of `SQLITE_BUSY_SNAPSHOT`; Drizzle wraps it for some statements. */
function reasonCode(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const code = 'code' in error && typeof error.code === 'string' && /^SQLITE_([A-Z]+)/.exec(error.code)?.[1]
  return code || reasonCode(error.cause)
}

const DAMAGED = new Set(['CORRUPT', 'NOTADB'])

const REASONS: Record<string, string> = {
  CANTOPEN: 'its directory is missing or may not be written to',
  NOTADB: 'the file is not a SQLite database',
  CORRUPT: 'the file is damaged',
  READONLY: 'it may not be written to',
  FULL: 'the disk is full',
  IOERR: 'the disk reports an error, or is full',
  PERM: 'access is denied',
  BUSY: 'another process keeps it locked',
}
