import { describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { activity } from '../../src/gate/activity.ts'
import { activity as table } from '../../src/store/schema.ts'
import { engines } from '../kit/engines.ts'
import { population } from '../kit/population.ts'

describe.each(engines)('on $name', ({ fresh }) => {
  const people = population(fresh)

  test('what an owner did is kept until it is too old, whatever they do in the same millisecond', async () => {
    const { store, clock } = people()
    const { entered, sweep } = activity(store)
    const owner = `u_${crypto.randomUUID()}`
    const at = clock.now()
    const act = { owner, kind: 'login', authMethod: 'google' } as const
    await store.atomically([at, at, at + 1].map(at => entered({ ...act, at })))
    const left = async () =>
      (await store.db.select().from(table).where(eq(table.owner, owner))).map(row => row.at).sort()
    await sweep(at)
    expect(await left()).toEqual([at, at, at + 1])
    await sweep(at + 1)
    expect(await left()).toEqual([at + 1])
  })

  test('however much is too old, no statement deletes more than a page of it', async () => {
    const { store, clock } = people()
    const act = { owner: `u_${crypto.randomUUID()}`, at: clock.now(), kind: 'login', authMethod: 'google' } as const
    const { entered } = activity(store)
    await store.atomically(Array.from({ length: 900 }, () => entered(act)))
    const deleted: number[] = []
    const ask: typeof store.ask = async statement => {
      const rows = await store.ask(statement)
      deleted.push(Array.isArray(rows) ? rows.length : 0)
      return rows
    }
    await activity({ ...store, ask }).sweep(act.at + 1)
    expect(Math.max(...deleted)).toBeLessThan(900)
    expect(deleted.reduce((sum, each) => sum + each, 0)).toBeGreaterThanOrEqual(900)
    expect(await store.db.select().from(table).where(eq(table.owner, act.owner))).toEqual([])
  })
})
