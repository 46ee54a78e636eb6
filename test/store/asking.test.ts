import { afterEach, describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import { asking } from '../../src/store/asking.ts'
import { openDatabase } from '../../src/store/open.ts'
import { handleOn, poolAt } from '../../src/store/pool.ts'
import type { PostgresOptions } from '../../src/store/postgres.ts'
import { limits } from '../../src/store/schema.ts'
import type { Store } from '../../src/store/store.ts'
import { runOn } from '../kit/database.ts'
import { postgres } from '../kit/engines.ts'
import { outcome, problemOf } from '../kit/problem.ts'
import { eventually } from '../kit/stage.ts'
import { type Wire, wireTo } from '../kit/wire.ts'

const HASTY = { connections: 2, statementMs: 100, restMs: 100 }
const OURS = `FROM pg_stat_activity
  WHERE starts_with(application_name, 'sealgate ' || current_schema()::regnamespace::oid || ' ')`

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function start(options: PostgresOptions, parameters: Record<string, string> = {}) {
  const fresh = new URL(await postgres.fresh())
  for (const [name, value] of Object.entries(parameters)) fresh.searchParams.set(name, value)
  const wire = await wireTo(fresh.href)
  const store = await openDatabase(wire.url, options)
  await store.migrate()
  closing.push(
    () => store.close(),
    () => wire.stop(),
  )
  return { store, wire, url: fresh.href, ...statements(store) }
}

function statements({ db, ask }: Store) {
  const values = { owner: sql`${sql.placeholder('owner')}`, fullAt: sql`1` }
  const set = { fullAt: sql`${limits.fullAt} + 1` }
  const add = db.insert(limits).values(values).onConflictDoUpdate({ target: limits.owner, set }).prepare()
  const slow = db.select({ slept: sql`CAST(pg_sleep(5) AS TEXT)` }).from(limits).prepare()
  return {
    add: (owner = 'j_ada') => ask(() => add.execute({ owner })),
    sleep: () => ask(() => slow.execute()),
  }
}

const pids = async (url: string) => (await runOn<number>(url, `SELECT pid ${OURS} ORDER BY pid`)).map(({ pid }) => pid)

test('what comes past three hundred for each connection is a 503 at once, and the rest is served', async () => {
  const pool = poolAt(
    { host: '', port: 1, database: '', user: '', password: '', parameters: {} },
    { ...HASTY, tls: 'off' },
  )
  const ask = asking(handleOn(pool, 0), { connections: 2, patienceMs: 5000, renew: () => pool })
  const open = Promise.withResolvers<number>()
  const waiting = Array.from({ length: 602 }, () => ask(() => open.promise))
  let wasRun = false
  const problem = await problemOf(() =>
    ask(() => {
      wasRun = true
    }),
  )
  expect([problem.code, problem.headers['retry-after'], wasRun]).toEqual(['database_unavailable', '1', false])
  open.resolve(7)
  expect(new Set(await Promise.all(waiting))).toEqual(new Set([7]))
  expect(await ask(() => 8)).toBe(8)
})

describe('a network that goes silent', () => {
  const isServed = async (add: () => Promise<unknown>, wire: Wire) => {
    expect(await outcome(add)).toBe('fine')
    // Those that lead nowhere are given up.
    await eventually(() => wire.open() <= HASTY.connections)
  }

  test('is a 503 for who waits on it, and others take other connections', async () => {
    const { wire, add } = await start(HASTY)
    await add()
    wire.hush()
    const answers = await Promise.all(Array.from({ length: 6 }, () => outcome(add)))
    expect(answers).toEqual(Array(6).fill('database_unavailable'))
    await isServed(add, wire)
  })

  test('is one for writes together and for each new connection too, until it is back', async () => {
    const { wire, store, add } = await start({ ...HASTY, connections: 1 })
    await add()
    wire.silent = true
    wire.hush()
    expect(await outcome(() => store.atomically([]))).toBe('database_unavailable')
    expect([await outcome(add), await store.isWritable()]).toEqual(['database_unavailable', false])
    wire.silent = false
    // The attempt that is under way is silent still.
    await eventually(async () => (await outcome(add)) === 'fine')
  })
})

test('a statement that takes too long is ended by the server, and its connection kept', async () => {
  const { url, add, sleep } = await start({ ...HASTY, restMs: 5000 })
  await add()
  const before = await pids(url)
  expect(await outcome(sleep)).toBe('database_unavailable')
  await add()
  expect(await pids(url)).toEqual(before)
})

test('a write whose answer was lost is not done again', async () => {
  const { url, wire, add } = await start({ ...HASTY, restMs: 5000 })
  await add()
  wire.hush()
  const lost = outcome(add)
  await eventually(async () => (await runOn(url, 'SELECT 1 FROM limits WHERE full_at = 2')).length === 1)
  wire.cut()
  expect(await lost).toBe('database_unavailable')
  // The other connection may find that it is cut only when it is asked.
  await eventually(async () => (await outcome(add)) === 'fine')
  expect(await runOn(url, 'SELECT full_at FROM limits')).toEqual([{ full_at: 3 }])
})

describe('connections that the server ends', () => {
  test('cost nobody an answer, and are made anew, no more than before', async () => {
    const { url, add } = await start({ connections: 4 })
    const all = () => Promise.all(Array.from({ length: 20 }, (_, at) => outcome(() => add(`j_${at}`))))
    expect(new Set(await all())).toEqual(new Set(['fine']))
    const before = await pids(url)
    await runOn(url, `SELECT pg_terminate_backend(pid) ${OURS}`)
    expect(new Set(await all())).toEqual(new Set(['fine']))
    const after = await pids(url)
    expect(after.filter(pid => before.includes(pid))).toEqual([])
    expect(after.length).toBeLessThanOrEqual(4)
    expect(await runOn(url, 'SELECT DISTINCT full_at FROM limits')).toEqual([{ full_at: 2 }])
  })

  test('for being idle cost nobody one either', async () => {
    const { url, add } = await start({ connections: 2 }, { idle_session_timeout: '50' })
    await add()
    await eventually(async () => (await pids(url)).length === 0)
    expect(await outcome(add)).toBe('fine')
  })
})
