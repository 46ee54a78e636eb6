import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { limiter } from '../../src/gate/limiter.ts'
import { openStore } from '../../src/store/open.ts'
import { limits } from '../../src/store/schema.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { freshDirectory } from '../kit/directory.ts'
import { lockedBy } from '../kit/other-process.ts'
import { problemOf } from '../kit/problem.ts'

const freshPath = () => join(freshDirectory(), 'sealgate.db')
const openFresh = async (path: string) => (await openStore({ path, dataKey: undefined, identityKey: undefined })).store

/** Runs an act while it measures the longest time for which this event loop stood still, in milliseconds. */
async function longestStall(act: () => Promise<unknown>): Promise<number> {
  let longest = 0
  let last = performance.now()
  const ticking = setInterval(() => {
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }, 1)
  await act()
  clearInterval(ticking)
  return Math.max(longest, performance.now() - last)
}

describe('while another process holds the write lock', () => {
  test('fifty requests wait for it, and all others go on', async () => {
    const path = freshPath()
    const store = await openFresh(path)
    const limit = limiter({ store, now: Date.now, rpm: 60, burst: 10 })
    const owners = Array.from({ length: 50 }, (_, at) => `j_${at}`)
    await Promise.all(owners.map(owner => limit.take(owner)))
    let stall = Number.POSITIVE_INFINITY
    // A busy machine stalls us too, but not every time.
    for (let attempt = 0; attempt < 3 && stall > 50; attempt++) {
      const holder = await lockedBy(path)
      Bun.gc(true)
      stall = await longestStall(async () => {
        const released = holder.letGoIn(200)
        const verdicts = await Promise.all(owners.map(owner => limit.take(owner)))
        expect(verdicts.every(({ allowed }) => allowed)).toBe(true)
        await released
      })
    }
    store.close()
    expect(stall).toBeLessThan(50)
  })

  test('a statement whose error Drizzle wraps waits for it too', async () => {
    const path = freshPath()
    const store = await openFresh(path)
    const holder = await lockedBy(path)
    const gone = holder.letGoIn(100)
    await store.ask(() => store.db.run(sql`INSERT INTO limits (owner, full_at) VALUES ('j_ada', 7)`))
    await gone
    store.close()
  })

  test('what only reads does not wait', async () => {
    const path = freshPath()
    const store = await openFresh(path)
    const holder = await lockedBy(path)
    await store.ask(() => store.db.run(sql`SELECT count(*) FROM limits`))
    await holder.letGoIn(0)
    store.close()
  })

  test('a start waits for it', async () => {
    const path = freshPath()
    ;(await openFresh(path)).close()
    const holder = await lockedBy(path)
    let isLocked = true
    const released = Bun.sleep(100).then(() => {
      isLocked = false
      return holder.letGoIn(0)
    })
    const opened = openFresh(path).then(store => {
      store.close()
      return { isLocked, isNew: store.isNew }
    })
    expect(await opened).toEqual({ isLocked: false, isNew: false })
    await released
  })
})

describe('writes together', () => {
  const insert = ({ db }: Awaited<ReturnType<typeof openFresh>>) => {
    const values = { owner: sql`${sql.placeholder('owner')}`, fullAt: sql`7` }
    return db.insert(limits).values(values).prepare()
  }
  const owners = (store: Awaited<ReturnType<typeof openFresh>>) =>
    store.ask(() => store.db.select({ owner: limits.owner }).from(limits).all())
  const write = (statement: ReturnType<typeof insert>, ...names: string[]) =>
    names.map(owner => ({ statement, values: { owner } }))

  test('are all done, or none', async () => {
    const store = await openFresh(':memory:')
    const statement = insert(store)
    await store.atomically(write(statement, 'j_ada', 'j_bob'))
    const problem = await problemOf(() => store.atomically(write(statement, 'j_eve', 'j_ada')))
    expect(problem.code).toBe('database_unavailable')
    expect(await owners(store)).toEqual([{ owner: 'j_ada' }, { owner: 'j_bob' }])
    await store.atomically(write(statement, 'j_eve'))
    expect(await owners(store)).toHaveLength(3)
    store.close()
  })

  test('wait for a lock of another process', async () => {
    const path = freshPath()
    const store = await openFresh(path)
    const holder = await lockedBy(path)
    const gone = holder.letGoIn(100)
    await store.atomically(write(insert(store), 'j_ada', 'j_bob'))
    await gone
    expect(await owners(store)).toHaveLength(2)
    store.close()
  })
})

describe('a statement', () => {
  test('that fails is database_unavailable, and says nothing of SQL', async () => {
    const store = await openFresh(':memory:')
    const problem = await problemOf(() => store.ask(() => store.db.run(sql`SELECT hunter2 FROM nowhere`)))
    store.close()
    expect(problem.code).toBe('database_unavailable')
    expect(problem.status).toBe(503)
    expect(problem.headers['retry-after']).toBe('1')
    expect(JSON.stringify(problem)).not.toMatch(/hunter2|nowhere|SELECT/)
    expect(problem.cause).toBeInstanceOf(Error)
  })

  test('after the database was closed is database_unavailable too', async () => {
    const store = await openFresh(':memory:')
    store.close()
    const problem = await problemOf(() => store.ask(() => store.db.run(sql`SELECT 1`)))
    expect(problem.code).toBe('database_unavailable')
  })
})

test('closing leaves alone what was put in the place of its files', async () => {
  const path = freshPath()
  const store = await openFresh(path)
  for (const suffix of ['', '-wal', '-shm']) {
    unlinkSync(path + suffix)
    writeFileSync(path + suffix, 'not of sealgate')
  }
  await Bun.sleep(150)
  store.close()
  Bun.gc(true)
  for (const suffix of ['', '-wal', '-shm']) expect(readFileSync(path + suffix, 'utf8')).toBe('not of sealgate')
})

describe('opening a database', () => {
  test('writes nothing to one that is there', async () => {
    const path = freshPath()
    new Database(path).close()
    const store = await openSqlite(path)
    expect(store.isNew).toBe(true)
    store.close()
    expect(await Bun.file(path).text()).toBe('')
  })

  test('migrates as often as it is asked, and changes nothing the second time', async () => {
    const store = await openSqlite(':memory:')
    await store.migrate()
    await store.ask(() => store.db.run(sql`INSERT INTO limits (owner, full_at) VALUES ('j_ada', 7)`))
    await store.migrate()
    const rows = await store.ask(() => store.db.all(sql`SELECT owner, full_at FROM limits`))
    store.close()
    expect(rows).toEqual([{ owner: 'j_ada', full_at: 7 }])
  })
})

test("another application's database is refused and left as it is", async () => {
  const path = freshPath()
  const theirs = new Database(path)
  theirs.run('CREATE TABLE their_notes (text TEXT)')
  theirs.close()
  const before = await Bun.file(path).bytes()
  const refused = await openFresh(path).then(undefined, error => error)
  expect(refused.message).toContain('belongs to another application')
  expect(await Bun.file(path).bytes()).toEqual(before)
})
