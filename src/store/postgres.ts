import { randomBytes } from 'node:crypto'
import { SQL } from 'bun'
import { fillPlaceholders, getTableName } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/bun-sql'
import { Problem } from '../protocol/problem.ts'
import { MIGRATIONS } from './migrations.ts'
import { sealedColumns } from './sealed-columns.ts'
import { type Database, type Store, StoreFault, type Write } from './store.ts'

// A statement takes well under a millisecond here, so ten connections carry thousands a second; and ten gateways with
// ten each are what a PostgreSQL of default settings (100) takes.
const CONNECTIONS = 10
// Longer than any statement of ours takes, shorter than a client's patience: what waits longer waits for nothing.
const STATEMENT_MS = 10_000
// What PostgreSQL itself undid may be done again; what became of anything else that failed, nobody knows.
const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 200
const UNDONE = new Set(['40001', '40P01'])
// Any number that no other application locks: "sealgate", in ASCII.
const MIGRATION_LOCK = 0x73_65_61_6c_67_61_74_65n

const SEALED_TABLES = new Set(sealedColumns.map(({ table }) => getTableName(table)))

// Changes nothing, and writes: on a full disk, or on a replica, a database may be read for a long time.
const PROBE = 'UPDATE migrations SET number = number WHERE number = 1'

/**
 * Opens a PostgreSQL database by its URL without writing to it; the tables are those of the first schema in its search
 * path.
 * @throws StoreFault when it cannot be reached, is another application's, or was written by a newer sealgate.
 */
export async function openPostgres(url: string): Promise<Store> {
  const name = nameOf(url)
  const self = `sealgate ${randomBytes(8).toString('hex')}`
  const connection = { statement_timeout: STATEMENT_MS, application_name: self }
  const client = new SQL(url, { max: CONNECTIONS, connection })
  let version: number
  try {
    version = await inspect(client, name)
  } catch (error) {
    await client.close()
    throw error instanceof StoreFault ? error : unusable(name, error)
  }

  async function ask<T>(statement: () => T | Promise<T>): Promise<T> {
    try {
      return await again(() => inTime(statement()))
    } catch (cause) {
      throw new Problem('database_unavailable', 'The database does not answer: try again in a moment.', {
        headers: { 'retry-after': '1' },
        cause,
      })
    }
  }

  return {
    db: drizzle({ client }) as unknown as Database,
    isNew: version === 0,
    ask,
    atomically: writes => ask(() => together(client, writes)),
    isWritable: () =>
      ask(() => client.unsafe(PROBE)).then(
        () => true,
        () => false,
      ),
    migrate: async () => {
      try {
        await migrate(client)
      } catch (cause) {
        throw unusable(name, cause)
      }
    },
    isAlone: () => ask(() => isAlone(client, self)),
    compact: () => compact(client),
    close: () => client.close(),
  }
}

/** As messages may show it: without user, password and parameters. */
function nameOf(url: string): string {
  const { host, pathname } = new URL(url)
  return `postgres://${host}${pathname}`
}

/** The schema's version, 0 where there is none. */
async function inspect(client: SQL, name: string): Promise<number> {
  const [found] = await client`SELECT count(*) AS tables, count(*) FILTER (WHERE tablename = 'migrations') AS ours
    FROM pg_tables WHERE schemaname = current_schema()`
  if (Number(found.tables) === 0) return 0
  if (Number(found.ours) === 0)
    throw new StoreFault(`The database ${name} belongs to another application: use another DATABASE_URL.`)
  const version = await versionOf(client)
  if (version > MIGRATIONS.length)
    throw new StoreFault(
      `The database ${name} has schema ${version}, this binary knows ${MIGRATIONS.length}: start a newer sealgate, or use another DATABASE_URL.`,
    )
  return version
}

async function versionOf(client: SQL): Promise<number> {
  const [row] = await client`SELECT coalesce(max(number), 0) AS version FROM migrations`
  return Number(row.version)
}

async function migrate(client: SQL): Promise<void> {
  await client.begin(async connection => {
    // Of many starting processes one migrates, and the rest wait for it, however long it takes, and find it done.
    await connection`SET LOCAL statement_timeout = 0`
    await connection`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`
    await connection`CREATE TABLE IF NOT EXISTS migrations (number BIGINT PRIMARY KEY NOT NULL)`
    const version = await versionOf(connection)
    for (const [index, statements] of MIGRATIONS.entries()) {
      if (index < version) continue
      for (const statement of statements) await connection.unsafe(statement)
      await connection`INSERT INTO migrations (number) VALUES (${index + 1})`
    }
    await connection.unsafe(PROBE)
  })
}

/** One transaction on one connection: Drizzle's prepared statements belong to the pool, their SQL does not. */
async function together(client: SQL, writes: readonly Write[]): Promise<void> {
  await client.begin(connection =>
    // All at once, in their order, without a round trip for each (300 rows: 20 ms in place of 200).
    Promise.all(
      writes.map(({ statement, values }) => {
        const { sql, params } = statement.getQuery()
        return connection.unsafe(sql, fillPlaceholders(params, values))
      }),
    ),
  )
}

/** Whether no other gateway is connected: each process names its connections. */
async function isAlone(client: SQL, self: string): Promise<boolean> {
  const [row] = await client`SELECT count(*) AS others FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'sealgate %' AND application_name <> ${self}`
  return Number(row.others) === 0
}

/** However long it takes: a large table takes longer than any statement of a request may. */
async function compact(client: SQL): Promise<void> {
  const connection = await client.reserve()
  try {
    await connection`SET statement_timeout = 0`
    for (const table of SEALED_TABLES) await connection.unsafe(`VACUUM FULL ${table}`)
  } finally {
    await connection`RESET statement_timeout`.finally(() => connection.release())
  }
}

/** Runs a statement again that PostgreSQL undid to let another one pass, once that one may have passed. */
async function again<T>(run: () => Promise<T>): Promise<T> {
  for (let pause = FIRST_PAUSE_MS; ; pause *= 2) {
    try {
      return await run()
    } catch (error) {
      if (pause > LONGEST_PAUSE_MS || !UNDONE.has(reasonCode(error))) throw error
      await Bun.sleep(pause)
    }
  }
}

/** Rejects what takes longer than a statement may: a host that is gone answers nothing, not even that. */
async function inTime<T>(asked: T | Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error('no answer in time')), STATEMENT_MS)
  try {
    return await Promise.race([asked, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

function unusable(name: string, cause: unknown): StoreFault {
  const code = reasonCode(cause)
  return new StoreFault(
    `The database ${name} cannot be used: ${REASONS[code] ?? `error ${code}`}. Check DATABASE_URL.`,
    {
      cause,
    },
  )
}

/** PostgreSQL's SQLSTATE, or what the driver calls the fault; Drizzle wraps both. */
function reasonCode(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  if (error instanceof SQL.PostgresError) return error.errno ?? error.code
  return reasonCode(error.cause)
}

const REASONS: Record<string, string> = {
  ERR_POSTGRES_CONNECTION_REFUSED: 'nothing answers there',
  ERR_POSTGRES_CONNECTION_CLOSED: 'it ended the connection',
  ERR_POSTGRES_CONNECTION_TIMEOUT: 'it does not answer',
  '28000': 'the user may not sign in',
  '28P01': 'the password is wrong',
  '3D000': 'there is no such database',
  '3F000': 'its search path names no schema to write to',
  '25006': 'it may not be written to',
  '42501': 'the user may not write to it',
  '53100': 'the disk is full',
  '53300': 'it has too many connections',
  '57P03': 'it is starting or stopping',
}
