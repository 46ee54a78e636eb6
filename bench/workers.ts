// bun bench/workers.ts [rounds] [connections]: one process and two workers, on SQLite and on PostgreSQL, in rounds that take
// turns: how evenly two share, and what a request costs the gateway and its database.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runOn } from '../test/kit/database.ts'
import { postgresServer } from '../test/kit/postgres.ts'
import { inTurn } from './cells/cast.ts'
import { type Figure, markdown, spread, type Table, times } from './figures.ts'
import { BOTH_CORES, type Stage, type Subject, stage } from './parts.ts'
import { bytesWritten, childrenOf, parentOf, treeCpuMicroseconds } from './proc.ts'
import { load } from './wrk.ts'

const [ROUNDS = 7, CONNECTIONS = 500] = Bun.argv.slice(2).map(Number)
const SECONDS = 3
// So many that none comes back within the 80 ms for which a process keeps a slot: then each request pays for its own.
const CALLERS = 2000
const WARM_SECONDS = 6
// What is written behind the answers: at 1,500 requests a second the last entries come after two seconds.
const BEHIND_MS = 3000
// As a server outside of tests has it.
const SAFE = ['fsync=on', 'full_page_writes=on']

type Name = 'SQLite' | 'PostgreSQL'

interface Gateway {
  readonly engine: Name
  readonly workers: number
  readonly subject: Subject
  readonly metrics: string
  readonly url: string
}

/** Of one round, each figure by the request, but for the share and the rate. */
interface Figures {
  readonly rate: number
  readonly failed: number
  /** Of the busier worker, in per cent of all. */
  readonly share: number
  readonly gatewayCpu: number
  readonly databaseCpu: number
  readonly statements: number
  readonly logged: number
  readonly written: number
  readonly stolen: number
}

/** PostgreSQL, and its first process, whose children serve. */
async function database() {
  const { url, stop } = await postgresServer(SAFE)
  const [row] = await runOn<number>(url, 'SELECT pg_backend_pid() AS pid')
  return { url, stop, pid: parentOf(row?.['pid'] ?? 0) }
}
type Postgres = Awaited<ReturnType<typeof database>>

async function gateways(on: Stage, { url }: Postgres, directory: string): Promise<Gateway[]> {
  const upstream = await on.answering(7661)
  const all: Gateway[] = []
  for (const engine of ['SQLite', 'PostgreSQL'] as const)
    for (const workers of [1, 2]) {
      const port = 7662 + 2 * all.length
      const own = engine === 'SQLite' ? `sqlite:${join(directory, `${port}.db`)}` : `${url}?search_path=p${port}`
      if (engine === 'PostgreSQL') await runOn(url, `CREATE SCHEMA p${port}`)
      const metrics = `127.0.0.1:${port + 1}`
      const env = {
        ...{ DATABASE_URL: own, DATA_KEY: '5ea1'.repeat(16), WORKERS: `${workers}`, METRICS_ADDR: metrics },
        CONCURRENT_LIMIT: '8',
      }
      const subject = await on.sealgate(upstream, port, env, BOTH_CORES)
      all.push({ engine, workers, subject, metrics: `http://${metrics}/metrics`, url: own })
    }
  return all
}

/** All counters that a round moves. */
async function counters(on: Stage, { engine, subject, metrics }: Gateway, postgres: Postgres) {
  const text = await (await fetch(metrics)).text()
  const operations = [...text.matchAll(/^db_client_operation_duration_seconds_count\{.*\} (\d+)$/gm)]
  const [wal] = await runOn<number>(postgres.url, `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') AS bytes`)
  const serving = childrenOf(subject.pid)
  const perProcess = (serving.length > 0 ? serving : [subject.pid]).map(bytesWritten)
  const logged = on.logged(subject)
  return {
    statements: operations.reduce((sum, [, count]) => sum + Number(count), 0),
    perProcess,
    logged,
    written: engine === 'SQLite' ? sum(perProcess) - logged : (wal?.['bytes'] ?? 0),
    gatewayCpu: treeCpuMicroseconds(subject.pid),
    databaseCpu: treeCpuMicroseconds(postgres.pid),
  }
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

async function round(on: Stage, gateway: Gateway, postgres: Postgres, how: Parameters<typeof load>[1]) {
  const before = await counters(on, gateway, postgres)
  const { requests, rate, failed } = await load(gateway.subject, how)
  await Bun.sleep(BEHIND_MS)
  const after = await counters(on, gateway, postgres)
  const of = (figure: Exclude<keyof typeof after, 'perProcess'>) => (after[figure] - before[figure]) / requests
  const shares = after.perProcess.map((bytes, at) => bytes - (before.perProcess[at] ?? 0))
  return {
    ...{ rate, failed, share: (100 * Math.max(...shares)) / sum(shares) },
    ...{ gatewayCpu: of('gatewayCpu'), databaseCpu: gateway.engine === 'SQLite' ? 0 : of('databaseCpu') },
    ...{ statements: of('statements'), logged: of('logged'), written: of('written') },
  }
}

/** Bytes on the disk for each request, indexes and all; of PostgreSQL also how many of them are its receipt. */
async function kept({ engine, url }: Gateway): Promise<string> {
  const [rows] = await runOn<number>(url, 'SELECT count(*) AS count FROM ledger')
  const perRow = (bytes = 0) => (bytes / (rows?.['count'] ?? 0)).toFixed(0)
  if (engine === 'SQLite') {
    const pages = 'SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()'
    return perRow((await runOn<number>(url, pages))[0]?.['bytes'])
  }
  const tables = await runOn<string | number>(
    url,
    `SELECT relname AS name, pg_total_relation_size(oid) AS bytes FROM pg_class
     WHERE relkind = 'r' AND relnamespace = CAST(current_schema() AS regnamespace)`,
  )
  const bytes = (name?: string) =>
    sum(tables.filter(table => name === undefined || table['name'] === name).map(table => Number(table['bytes'])))
  return `${perRow(bytes())}, ${perRow(bytes('receipts'))} of them the receipt`
}

function tables(all: readonly Gateway[], found: readonly (readonly Figures[])[], keeps: readonly string[]): Table[] {
  const of = (index: number, figure: keyof Figures) => (found[index] ?? []).map(each => each[figure])
  const costs = (index: number) => of(index, 'gatewayCpu')
  const told = (figures: (gateway: Gateway, index: number) => Record<string, Figure>) =>
    all.map((gateway, index) => ({ engine: gateway.engine, WORKERS: gateway.workers, ...figures(gateway, index) }))
  return [
    {
      title: 'one process and two workers',
      rows: told(({ engine, workers }, index) => ({
        'requests/s': spread(of(index, 'rate')),
        'gateway CPU µs/request': spread(costs(index)),
        'beside one': times(costs(index), costs(index - workers + 1)),
        'PostgreSQL CPU µs/request': engine === 'SQLite' ? 'in the gateway' : spread(of(index, 'databaseCpu')),
        'busier worker %': workers === 1 ? '–' : spread(of(index, 'share')),
        'stolen %': spread(of(index, 'stolen')),
        failed: sum(of(index, 'failed')),
      })),
    },
    {
      title: 'what one request asks of the disk',
      rows: told((_, index) => ({
        'statements and transactions': spread(of(index, 'statements')),
        'bytes written to the database': spread(of(index, 'written')),
        'bytes kept in it': keeps[index] ?? '–',
        'bytes logged': spread(of(index, 'logged')),
      })),
    },
  ]
}

const directory = mkdtempSync(join(tmpdir(), 'sealgate-workers-'))
const postgres = await database()
const on = await stage()
try {
  const all = await gateways(on, postgres, directory)
  const how = { directory, authorization: await on.callers(CALLERS), connections: CONNECTIONS, core: BOTH_CORES }
  for (const { subject } of all) await load(subject, { ...how, seconds: WARM_SECONDS })
  const found = await inTurn(all, ROUNDS, gateway => round(on, gateway, postgres, { ...how, seconds: SECONDS }))
  process.stdout.write(`${ROUNDS} rounds of ${SECONDS} s each, ${CONNECTIONS} connections, ${CALLERS} callers\n`)
  for (const table of tables(all, found, await Promise.all(all.map(kept)))) process.stdout.write(markdown(table))
} finally {
  await on.stop()
  await postgres.stop()
  rmSync(directory, { recursive: true })
}
process.exit()
