import { afterEach, describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import { limits } from '../../src/store/schema.ts'
import type { Store } from '../../src/store/store.ts'
import { openTest } from '../kit/database.ts'
import { engines } from '../kit/engines.ts'
import { problemOf } from '../kit/problem.ts'

const stores: Store[] = []
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
})

const insert = ({ db }: Store) => {
  const values = { owner: sql`${sql.placeholder('owner')}`, fullAt: sql.placeholder('fullAt') }
  return db.insert(limits).values(values).prepare()
}
const rows = (store: Store) =>
  store.ask(() => store.db.select({ owner: limits.owner, fullAt: limits.fullAt }).from(limits).execute())
const write = (statement: ReturnType<typeof insert>, ...names: string[]) =>
  names.map(owner => ({ statement, values: { owner, fullAt: 2 ** 53 - 1 } }))

describe.each(engines)('on $name', ({ fresh, run }) => {
  const open = async () => {
    const url = await fresh()
    const store = await openTest(url)
    stores.push(store)
    return { store, url }
  }

  test('writes together are all done, or none', async () => {
    const { store } = await open()
    const statement = insert(store)
    await store.atomically(write(statement, 'j_ada', 'j_bob'))
    const problem = await problemOf(() => store.atomically(write(statement, 'j_eve', 'j_ada', 'j_carol')))
    expect(problem.code).toBe('database_unavailable')
    expect((await rows(store)).map(({ owner }) => owner).sort()).toEqual(['j_ada', 'j_bob'])
    await store.atomically(write(statement, 'j_eve'))
    expect(await rows(store)).toHaveLength(3)
  })

  test('writes that are shared are each told their own outcome', async () => {
    const { store } = await open()
    const put = (owner: string) =>
      store.share(() =>
        store.db.insert(limits).values({ owner, fullAt: 1 }).returning({ owner: limits.owner }).execute(),
      )
    const all = await Promise.all(['j_ada', 'j_bob', 'j_eve'].map(put))
    expect(all.map(([row]) => row?.owner)).toEqual(['j_ada', 'j_bob', 'j_eve'])
    expect(await put('j_carol')).toEqual([{ owner: 'j_carol' }])
    expect(await rows(store)).toHaveLength(4)
  })

  test('of writes that are shared none is told as done that is not', async () => {
    const { store } = await open()
    const put = (owner: string) => store.share(() => insert(store).execute({ owner, fullAt: 1 }))
    await put('j_ada')
    const told = await Promise.allSettled([put('j_bob'), put('j_ada'), put('j_eve')])
    expect(told[1]).toMatchObject({ status: 'rejected', reason: { code: 'database_unavailable' } })
    const done = ['j_bob', 'j_ada', 'j_eve'].filter((_, at) => told[at]?.status === 'fulfilled')
    expect((await rows(store)).map(({ owner }) => owner).sort()).toEqual(['j_ada', ...done].sort())
    await put('j_carol')
    expect(await rows(store)).toHaveLength(2 + done.length)
  })

  test('whole numbers come back as they were, up to 53 bits, from writes together and alone', async () => {
    const { store } = await open()
    await store.atomically(write(insert(store), 'j_ada'))
    await store.ask(() => insert(store).execute({ owner: 'j_bob', fullAt: 2 ** 53 - 1 }))
    await store.ask(() => insert(store).execute({ owner: 'j_eve', fullAt: 0 }))
    const found = (await rows(store)).map(({ owner, fullAt }) => [owner, fullAt]).sort()
    expect(found).toEqual([
      ['j_ada', 2 ** 53 - 1],
      ['j_bob', 2 ** 53 - 1],
      ['j_eve', 0],
    ])
  })

  test('a statement that fails is database_unavailable, and says nothing of SQL', async () => {
    const { store, url } = await open()
    const statement = insert(store)
    await run(url, 'ALTER TABLE limits RENAME TO hunter2')
    const problem = await problemOf(() => store.ask(() => statement.execute({ owner: 'j_ada', fullAt: 1 })))
    expect([problem.code, problem.status, problem.headers['retry-after']]).toEqual(['database_unavailable', 503, '1'])
    expect(JSON.stringify(problem)).not.toMatch(/hunter2|limits|insert|j_ada/i)
    expect(problem.cause).toBeInstanceOf(Error)
  })

  test('a statement after the database was closed is database_unavailable too', async () => {
    const { store } = await open()
    await store.close()
    const problem = await problemOf(() => store.ask(() => insert(store).execute({ owner: 'j_ada', fullAt: 1 })))
    expect(problem.code).toBe('database_unavailable')
    expect(await store.isWritable()).toBe(false)
  })

  test('to forget what was read harms neither what is read next nor what is being written', async () => {
    const { store } = await open()
    await store.atomically(write(insert(store), 'j_ada', 'j_bob'))
    const written = store.share(() => insert(store).execute({ owner: 'j_eve', fullAt: 1 }))
    store.forget()
    await written
    store.forget()
    expect((await rows(store)).map(({ owner }) => owner).sort()).toEqual(['j_ada', 'j_bob', 'j_eve'])
  })

  test('a database that takes writes says so', async () => {
    expect(await (await open()).store.isWritable()).toBe(true)
  })
})
