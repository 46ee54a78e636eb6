import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { SQL } from 'bun'
import { sql } from 'drizzle-orm'
import { limiter } from '../../src/gate/limiter.ts'
import { KeyFault } from '../../src/store/keys.ts'
import { openDatabase } from '../../src/store/open.ts'
import { limits } from '../../src/store/schema.ts'
import { type Store, StoreFault } from '../../src/store/store.ts'
import { clockAt } from '../kit/clock.ts'
import { openTest, runOn } from '../kit/database.ts'
import { postgres } from '../kit/engines.ts'
import { faultOf, key, open } from '../kit/opening.ts'
import { postgresServer, type Server } from '../kit/postgres.ts'
import { outcome } from '../kit/problem.ts'
import { eventually } from '../kit/stage.ts'

const OURS = `FROM pg_stat_activity WHERE starts_with(application_name, 'sealgate ')`

const stores: Store[] = []
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
})

async function start(url: string) {
  const store = await openTest(url)
  stores.push(store)
  return { store, limit: limiter({ store, now: clockAt().now, rpm: 60, burst: 10 }) }
}

let server: Server
beforeAll(async () => {
  server = await postgresServer()
}, 60_000)
afterAll(() => server.stop())

describe('a server that stops', () => {
  test('is a 503 at each request until it is back, and then nothing is lost', async () => {
    const { store, limit } = await start(server.url)
    await Promise.all(Array.from({ length: 20 }, (_, at) => limit.take(`j_${at}`)))
    await server.stop()
    const failed = await Promise.all(Array.from({ length: 20 }, () => outcome(() => limit.take('j_0'))))
    expect(new Set(failed)).toEqual(new Set(['database_unavailable']))
    expect(await store.isWritable()).toBe(false)
    await server.start()
    expect(await store.isWritable()).toBe(true)
    const verdicts = await Promise.all(Array.from({ length: 20 }, (_, at) => limit.take(`j_${at}`)))
    expect(verdicts.map(({ remaining }) => remaining)).toEqual(Array(20).fill(8))
  })

  test('in the middle of a statement ends it', async () => {
    const { store, limit } = await start(server.url)
    await limit.take('j_ada')
    const slow = store.db.select({ slept: sql`CAST(pg_sleep(8) AS TEXT)` }).from(limits)
    const waiting = outcome(() => store.ask(() => slow.execute()))
    await eventually(async () => (await isSleeping(server.url)) > 0)
    await server.stop()
    expect(await waiting).toBe('database_unavailable')
    await server.start()
  })
})

test('a server one of whose processes was killed, which ends all of them, is used again when it is back', async () => {
  const { limit } = await start(server.url)
  await Promise.all(Array.from({ length: 20 }, (_, at) => limit.take(`k_${at}`)))
  const [victim] = await runOn<number>(server.url, `SELECT min(pid) AS pid ${OURS}`)
  process.kill(victim?.['pid'] ?? 0, 'SIGKILL')
  await eventually(async () => (await runOn(server.url, `SELECT pid ${OURS}`).catch(() => ['?'])).length === 0)
  await eventually(async () => (await outcome(() => limit.take('k_0'))) === 'fine')
  await Promise.all(Array.from({ length: 20 }, (_, at) => limit.take(`k_${at}`)))
  const [row] = await runOn<number>(server.url, `SELECT count(*) AS open ${OURS}`)
  expect(row?.['open']).toBeLessThanOrEqual(10)
})

describe('a start', () => {
  const refused = async (change: (url: URL) => void) => {
    const url = new URL(await postgres.fresh())
    url.password = 'hunter2'
    change(url)
    const fault = await faultOf(open(url.href, { dataKey: key(1) }))
    expect(fault).toBeInstanceOf(StoreFault)
    expect(fault.message).not.toMatch(/hunter2|search_path|\n/)
    return fault.message
      .replace(/:\d+\//, ':5432/')
      .replace(' Check DATABASE_URL, or DATABASE_HOST and what goes with it.', '')
  }

  test.each<[string, (url: URL) => void]>([
    ['postgres cannot be used: nothing answers there.', url => (url.port = '1')],
    ['nowhere cannot be used: there is no such database.', url => (url.pathname = '/nowhere')],
    [
      'postgres cannot be used: the user may not sign in, at least not from here, or not in this way.',
      url => (url.username = 'nobody'),
    ],
    [
      'postgres cannot be used: its search path names no schema to write to.',
      url => url.searchParams.set('search_path', 'nowhere'),
    ],
    [
      'postgres cannot be used: it knows no such parameter as one in the URL.',
      url => url.searchParams.set('sslmode', 'require'),
    ],
    [
      'postgres cannot be used: it may not be written to.',
      url => url.searchParams.set('default_transaction_read_only', 'on'),
    ],
  ])('is refused in one line without the password: %s', async (said, change) => {
    expect(await refused(change)).toBe(`The database postgres://127.0.0.1:5432/${said}`)
  })

  test('is refused in words of its own where the host has no address, or there is no socket', async () => {
    const said = async (url: string) => (await faultOf(open(url, { dataKey: key(1) }))).message
    expect(await said('postgres://db.invalid/a')).toMatch(/ its host has no address\. /)
    expect(await said('postgres://%2Fnowhere/a')).toMatch(/ there is no such socket, or nothing answers at it\. /)
  })

  test('goes by its URL, whatever the environment says of databases', async () => {
    const url = await postgres.fresh()
    const env = { ...process.env, PGDATABASE: 'nowhere', PGSSLMODE: 'require', PGCHANNELBINDING: 'require' }
    const script = `import { openDatabase } from './src/store/open.ts'
      await (await openDatabase(${JSON.stringify(url)})).close()`
    const { exitCode, stderr } = Bun.spawnSync([process.execPath, '-e', script], { env })
    expect([exitCode, stderr.toString()]).toEqual([0, ''])
  })

  test('by the directory of a socket needs no TLS', async () => {
    const url = new URL(server.url)
    const [row] = await runOn<string>(server.url, 'SHOW unix_socket_directories')
    url.hostname = encodeURIComponent(row?.['unix_socket_directories'] ?? '')
    const store = await openDatabase(url.href)
    await store.migrate()
    expect(await store.isWritable()).toBe(true)
    await store.close()
  })

  test('without a DATA_KEY is refused, and writes nothing', async () => {
    const url = await postgres.fresh()
    const fault = await faultOf(open(url))
    expect(fault).toBeInstanceOf(KeyFault)
    expect(fault.message).toContain('openssl rand -hex 32')
    expect(await runOn(url, 'SELECT tablename FROM pg_tables WHERE schemaname = current_schema()')).toEqual([])
  })
})

test('writes together that want each other’s rows are all done: what PostgreSQL undid is done again', async () => {
  const url = await postgres.fresh()
  const { store } = await start(url)
  const more = store.db
    .insert(limits)
    .values({ owner: sql`${sql.placeholder('owner')}`, fullAt: sql`1` })
    .onConflictDoUpdate({ target: limits.owner, set: { fullAt: sql`${limits.fullAt} + 1` } })
    .prepare()
  const writes = Array.from({ length: 20 }, (_, at) => ({ statement: more, values: { owner: `j_${at}` } }))
  await Promise.all(Array.from({ length: 4 }, (_, at) => store.atomically(at % 2 ? writes : writes.toReversed())))
  expect(await runOn(url, 'SELECT DISTINCT full_at FROM limits')).toEqual([{ full_at: 4 }])
})

test('a store whose connections the server ended is seen again at its next statement', async () => {
  const url = await postgres.fresh()
  const [{ store, limit }, { store: looking }] = [await start(url), await start(url)]
  const named = `FROM pg_stat_activity WHERE starts_with(application_name, 'sealgate ' || current_schema()::regnamespace::oid)`
  // Until none is left: a pool opens all of its connections at its first statement, some of them after its answer.
  await eventually(async () => (await runOn(url, `SELECT pg_terminate_backend(pid) ${named}`)).length === 0)
  expect(await looking.isAlone()).toBe(true)
  await limit.take('j_ada')
  expect(await looking.isAlone()).toBe(false)
  await store.close()
  expect(await looking.isAlone()).toBe(true)
})

async function isSleeping(url: string): Promise<number> {
  const client = new SQL(url, { max: 1 })
  const [row] = await client`SELECT count(*) AS count FROM pg_stat_activity WHERE wait_event = 'PgSleep'`
  await client.close()
  return Number(row.count)
}
