import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { chmodSync, existsSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { limiter } from '../../src/gate/limiter.ts'
import { limits } from '../../src/store/schema.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { StoreFault } from '../../src/store/store.ts'
import { openTest } from '../kit/database.ts'
import { freshDirectory, untouched } from '../kit/directory.ts'
import { faultOf, hex, identityOf, key, open } from '../kit/opening.ts'
import { lockedBy, otherProcess } from '../kit/other-process.ts'

const freshPath = () => join(freshDirectory(), 'sealgate.db')
const openFresh = (path: string) => openTest(`sqlite:${path}`)

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

test('a write that waits for others is done before the database closes', async () => {
  const path = freshPath()
  const store = await openFresh(path)
  const limit = limiter({ store, now: Date.now, rpm: 60, burst: 10 })
  const taken = [limit.take('j_ada'), limit.take('j_bob')]
  await store.close()
  expect((await Promise.all(taken)).map(({ allowed }) => allowed)).toEqual([true, true])
})

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
      const holder = await lockedBy(`sqlite:${path}`)
      Bun.gc(true)
      stall = await longestStall(async () => {
        const released = holder.letGoIn(200)
        const verdicts = await Promise.all(owners.map(owner => limit.take(owner)))
        expect(verdicts.every(({ allowed }) => allowed)).toBe(true)
        await released
      })
    }
    await store.close()
    expect(stall).toBeLessThan(50)
  })

  test('a statement whose error Drizzle wraps waits for it too', async () => {
    const path = freshPath()
    const store = await openFresh(path)
    const holder = await lockedBy(`sqlite:${path}`)
    const gone = holder.letGoIn(100)
    await store.ask(() => store.db.run(sql`INSERT INTO limits (owner, full_at) VALUES ('j_ada', 7)`))
    await gone
    await store.close()
  })

  test('what only reads does not wait', async () => {
    const path = freshPath()
    const store = await openFresh(path)
    const holder = await lockedBy(`sqlite:${path}`)
    await store.ask(() => store.db.run(sql`SELECT count(*) FROM limits`))
    await holder.letGoIn(0)
    await store.close()
  })

  test('a start waits for it', async () => {
    const path = freshPath()
    await (await openFresh(path)).close()
    const holder = await lockedBy(`sqlite:${path}`)
    let isLocked = true
    const released = Bun.sleep(100).then(() => {
      isLocked = false
      return holder.letGoIn(0)
    })
    const opened = openFresh(path).then(async store => {
      await store.close()
      return { isLocked, isNew: store.isNew }
    })
    expect(await opened).toEqual({ isLocked: false, isNew: false })
    await released
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
  await store.close()
  Bun.gc(true)
  for (const suffix of ['', '-wal', '-shm']) expect(readFileSync(path + suffix, 'utf8')).toBe('not of sealgate')
})

describe('opening a database', () => {
  test('writes nothing to one that is there', async () => {
    const path = freshPath()
    new Database(path).close()
    const store = await openSqlite(path)
    expect(store.isNew).toBe(true)
    await store.close()
    expect(await Bun.file(path).text()).toBe('')
  })
})

describe('a database that may not be written to', () => {
  const asNobody = async (path: string) =>
    otherProcess('openAsNobody', `sqlite:${path}`, { DATA_KEY: hex(key(1)) }).stdout.text()

  test.each([
    ['in a directory that may not either', 0o555],
    ['in a directory that may', 0o777],
  ])('%s is one clear fault', async (_, mode) => {
    const path = freshPath()
    await identityOf(`sqlite:${path}`, { dataKey: key(1) })
    chmodSync(path, 0o444)
    chmodSync(join(path, '..'), mode)
    const before = readFileSync(path, 'hex')
    expect(await asNobody(path)).toStartWith(`StoreFault: The database ${path} cannot be used: `)
    expect(readFileSync(path, 'hex')).toBe(before)
    chmodSync(join(path, '..'), 0o755)
  })

  test('because its directory may not is one clear fault', async () => {
    const path = freshPath()
    chmodSync(join(path, '..'), 0o555)
    expect(await asNobody(path)).toContain('StoreFault: ')
    expect(existsSync(path)).toBe(false)
    chmodSync(join(path, '..'), 0o755)
  })
})

describe('a fault of the database', () => {
  test('is its missing directory', async () => {
    const path = join(freshDirectory(), 'none', 'sealgate.db')
    const fault = await faultOf(open(`sqlite:${path}`))
    expect(fault).toBeInstanceOf(StoreFault)
    expect(fault.message).toContain('its directory is missing')
    expect(existsSync(join(path, '..'))).toBe(false)
  })

  test.each([16, 4096, 100_000])('is a file of %d random bytes, which stays as it is', async length => {
    const path = freshPath()
    writeFileSync(path, crypto.getRandomValues(new Uint8Array(Math.min(length, 65_536))))
    await untouched(path, async () => {
      const fault = await faultOf(open(`sqlite:${path}`))
      expect(fault).toBeInstanceOf(StoreFault)
      expect(fault.message).toContain(path)
    })
  })
})

test('writes together wait for a lock of another process', async () => {
  const path = freshPath()
  const store = await openFresh(path)
  const holder = await lockedBy(`sqlite:${path}`)
  const gone = holder.letGoIn(100)
  const values = { owner: sql`${sql.placeholder('owner')}`, fullAt: sql`7` }
  const statement = store.db.insert(limits).values(values).prepare()
  await store.atomically([{ statement, values: { owner: 'j_ada' } }])
  await gone
  expect(await store.ask(() => store.db.select({ owner: limits.owner }).from(limits).execute())).toHaveLength(1)
  await store.close()
})
