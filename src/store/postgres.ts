import { randomBytes } from 'node:crypto'
import type { SQL } from 'bun'
import { getTableName } from 'drizzle-orm'
import { BunSQLSession } from 'drizzle-orm/bun-sql/session'
import { PgDatabase, PgDialect } from 'drizzle-orm/pg-core'
import { displayedAddress, isOnThisMachine, type PostgresAddress, postgresAddress } from '../protocol/database-url.ts'
import { asking } from './asking.ts'
import { type Clocks, clocks, DATABASE_NOW } from './clocks.ts'
import { withoutPrimary } from './cluster-faults.ts'
import { type Cluster, following } from './following.ts'
import { asked } from './inserting.ts'
import { MIGRATIONS } from './migrations.ts'
import { handleOn, poolAt, type Session } from './pool.ts'
import { unusable } from './postgres-faults.ts'
import { type Primary, primaryAmong } from './primary.ts'
import { wrappedKeys } from './schema.ts'
import { sealedColumns } from './sealed-columns.ts'
import { type Database, type Store, StoreFault, type Write } from './store.ts'

// A statement takes well under a millisecond here, so ten connections carry thousands a second; and ten gateways with
// ten each are what a PostgreSQL of default settings (100) takes.
const CONNECTIONS = 10
// Longer than any statement of ours takes, and with the rest shorter than a client's patience.
const STATEMENT_MS = 8000
// What an answer may take on its way, and a statement wait for its turn.
const REST_MS = 2000
// A connection that its process has closed, or died with, is told of for some 10 ms more.
const LINGER_MS = 1000
const LOOK_MS = 20
// Any number that no other application locks: "sealgate", in ASCII.
const MIGRATION_LOCK = 0x73_65_61_6c_67_61_74_65n

const SEALED_TABLES = new Set([...sealedColumns.map(({ table }) => table), wrappedKeys].map(getTableName))

// Changes nothing, and writes: on a full disk, or on a replica, a database may be read for a long time.
const PROBE = 'UPDATE migrations SET number = number WHERE number = 1'

/** As `drizzle-orm/bun-sql` makes it, which would have Bun load its client at each start, whatever the database. */
function databaseOn(client: SQL): Database {
  const dialect = new PgDialect()
  return new PgDatabase(dialect, new BunSQLSession(client, dialect, undefined), undefined) as unknown as Database
}

/** What connections to PostgreSQL may be given; SQLite has none. */
export interface PostgresOptions extends Partial<Omit<Session, 'name'>> {
  /** What an answer may take beyond `statementMs`: then the connections are given up. */
  restMs?: number
  /** This machine's clock. */
  now?: () => number
  /** Who says where it is, in the place of the host that the URL names. */
  cluster?: Cluster | undefined
}

/**
 * Opens a PostgreSQL database by its URL without writing to it; the tables are those of the first schema in its search
 * path. With TLS unless told, or where it is on this machine.
 * @throws StoreFault when it cannot be reached, is another application's, or was written by a newer sealgate.
 */
export async function openPostgres(url: string, options: PostgresOptions = {}): Promise<Store> {
  const as = postgresAddress(url)
  if (!as) throw new StoreFault('DATABASE_URL names no database of PostgreSQL.')
  const { connections = CONNECTIONS, statementMs = STATEMENT_MS, restMs = REST_MS, now = Date.now, cluster } = options
  const { tls = isOnThisMachine(as) && !cluster ? 'off' : {} } = options
  const clock = clocks(now)
  const first = cluster && (await firstOf(cluster, as, { tls }))
  const address = first?.address ?? as
  const { version, schema } = await inspect(address, { tls, connections: 1, statementMs: STATEMENT_MS }, clock)
  const [all, self] = [`sealgate ${schema} `, `sealgate ${schema} ${randomBytes(8).toString('hex')}`]
  const session = { tls, connections, statementMs, name: self }
  const patienceMs = statementMs + restMs
  const handle = handleOn(poolAt(address, session), patienceMs)
  const follows =
    first && following(first, { cluster, handle, as, session, moved: () => void compare().catch(() => undefined) })
  const current = () => follows?.primary.address ?? address
  const renew = () => poolAt(current(), session)
  const ask = asking(handle, { connections, patienceMs, renew, lost: follows?.lost })
  // Drizzle asks for nothing else of its client, and prepared statements keep it for good.
  const client = { unsafe: (text: string, values?: unknown[]) => handle.pool().unsafe(text, values) } as SQL

  const compare = () => ask(() => clock.compare(() => timeOf(client)))

  return {
    db: databaseOn(client),
    isNew: version === 0,
    followed: follows,
    ask,
    // Each on a connection of its own: in one transaction callers would wait for each other's locks.
    share: ask,
    atomically: writes => ask(() => together(handle.pool(), writes)),
    isWritable: () =>
      ask(() => client.unsafe(PROBE)).then(
        () => true,
        () => false,
      ),
    migrate: async () => {
      try {
        await migrate(handle.pool())
      } catch (cause) {
        throw await unusable(current(), cause)
      }
    },
    isAlone: () => ask(() => isAlone(handle.pool(), { all, self })),
    compact: () => compact(poolAt(current(), { ...session, connections: 1, statementMs: 0 })),
    forget: () => undefined,
    aheadMs: clock.aheadMs,
    compareClocks: compare,
    close: () => {
      follows?.close()
      return handle.close()
    },
  }
}

/** The primary of a cluster when nothing is known of it yet. */
async function firstOf(cluster: Cluster, as: PostgresAddress, session: Pick<Session, 'tls'>): Promise<Primary> {
  try {
    const found = await primaryAmong(await cluster.claims(), { as, session })
    cluster.told?.({ kind: 'found', timeline: found.timeline })
    return found
  } catch (cause) {
    throw await withoutPrimary(cause)
  }
}

interface Found {
  /** 0 where there is none. */
  version: number
  /** The OID of the schema, 0 where there is none. */
  schema: number
}

/** Looks by a connection of its own, for those of the pool are named after what it finds. */
async function inspect(address: PostgresAddress, session: Session, clock: Clocks): Promise<Found> {
  const name = displayedAddress(address)
  const client = poolAt(address, session)
  try {
    const [found] = await client`SELECT count(*) AS tables, count(*) FILTER (WHERE tablename = 'migrations') AS ours,
      coalesce((SELECT oid FROM pg_namespace WHERE nspname = current_schema()), 0) AS schema
      FROM pg_tables WHERE schemaname = current_schema()`
    await clock.compare(() => timeOf(client))
    const schema = Number(found.schema)
    if (Number(found.tables) === 0) return { version: 0, schema }
    if (Number(found.ours) === 0)
      throw new StoreFault(`The database ${name} belongs to another application: use another DATABASE_URL.`)
    const version = await versionOf(client)
    if (version <= MIGRATIONS.length) return { version, schema }
    throw new StoreFault(
      `The database ${name} has schema ${version}, this binary knows ${MIGRATIONS.length}: start a newer sealgate, or use another DATABASE_URL.`,
    )
  } catch (error) {
    throw error instanceof StoreFault ? error : await unusable(address, error)
  } finally {
    await client.close()
  }
}

async function timeOf(client: SQL): Promise<number> {
  const [row] = await client.unsafe(DATABASE_NOW)
  return Number(row.now)
}

async function versionOf(client: SQL): Promise<number> {
  const [row] = await client`SELECT coalesce(max(number), 0) AS version FROM migrations`
  return Number(row.version)
}

async function migrate(client: SQL): Promise<void> {
  await client.begin(async connection => {
    // Of many starting processes one migrates, and the rest wait for it, however long it takes, and find it done.
    await connection`SET LOCAL statement_timeout = 0`
    await connection`SET LOCAL lock_timeout = 0`
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
  const all = asked(writes)
  await client.begin(connection =>
    // All at once, in their order, without a round trip for each (300 rows: 20 ms in place of 200).
    Promise.all(all.map(({ text, params }) => connection.unsafe(text, params))),
  )
}

/**
 * Whether no other store of the same schema is connected: each names its connections after schema and self, and opens
 * all of them at its first statement. One whose connections the server ended is not seen until its next statement.
 */
async function isAlone(client: SQL, { all, self }: { all: string; self: string }): Promise<boolean> {
  for (const giveUp = performance.now() + LINGER_MS; ; await Bun.sleep(LOOK_MS)) {
    const [row] = await client`SELECT count(*) AS others FROM pg_stat_activity
      WHERE datname = current_database() AND starts_with(application_name, ${all}) AND application_name <> ${self}`
    if (Number(row.others) === 0) return true
    if (performance.now() > giveUp) return false
  }
}

/** By a connection of its own: it takes as long as the tables are large, but waits only so long for who reads them. */
async function compact(client: SQL): Promise<void> {
  try {
    for (const table of SEALED_TABLES) await client.unsafe(`VACUUM FULL ${table}`)
  } finally {
    await client.close()
  }
}
