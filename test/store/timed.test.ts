import { describe, expect, test } from 'bun:test'
import { limits } from '../../src/store/schema.ts'
import { timed } from '../../src/store/timed.ts'
import { openTest } from '../kit/database.ts'
import { engines } from '../kit/engines.ts'

describe.each(engines)('on $name', ({ fresh }) => {
  test('each statement and transaction is told with its time, and whether it was done', async () => {
    const opened = await openTest(await fresh())
    const told: { seconds: number; isDone: boolean }[] = []
    const store = timed(opened, (seconds, isDone) => told.push({ seconds, isDone }))
    const [statement, values] = [store.db.insert(limits).values({ owner: 'j_ada', fullAt: 7 }).prepare(), {}]
    await store.atomically([{ statement, values }])
    expect(await store.ask(() => store.db.select({ fullAt: limits.fullAt }).from(limits).execute())).toEqual([
      { fullAt: 7 },
    ])
    // That owner is there already.
    const twice = await store.ask(() => statement.execute(values)).catch(error => error)
    expect(twice).toMatchObject({ code: 'database_unavailable' })
    expect(told.map(({ isDone }) => isDone)).toEqual([true, true, false])
    for (const { seconds } of told) expect(seconds).toBeGreaterThan(0)
    await opened.close()
  })

  test('the time in which the database stands still is part of it', async () => {
    const opened = await openTest(await fresh())
    const told: number[] = []
    const store = timed(opened, seconds => told.push(seconds))
    await store.ask(() => Bun.sleepSync(20))
    expect(told[0]).toBeGreaterThanOrEqual(0.02)
    await opened.close()
  })
})
