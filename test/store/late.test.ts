import { describe, expect, test } from 'bun:test'
import { eq, sql } from 'drizzle-orm'
import { late } from '../../src/store/late.ts'
import { limits } from '../../src/store/schema.ts'
import { openTest } from '../kit/database.ts'
import { engines } from '../kit/engines.ts'

describe.each(engines)('on $name', ({ fresh }) => {
  test('statements are prepared when one is first used, all of them once, in a transaction as alone', async () => {
    const store = await openTest(await fresh())
    let prepared = 0
    const { put, find } = late(() => {
      prepared++
      return {
        put: store.db
          .insert(limits)
          .values({ owner: sql`${sql.placeholder('owner')}`, fullAt: 7 })
          .prepare(),
        find: store.db
          .select({ fullAt: limits.fullAt })
          .from(limits)
          .where(eq(limits.owner, sql.placeholder('owner')))
          .prepare(),
      }
    })
    expect(prepared).toBe(0)
    await store.atomically(['j_ada', 'j_bob'].map(owner => ({ statement: put, values: { owner } })))
    expect(await store.ask(() => find.execute({ owner: 'j_bob' }))).toEqual([{ fullAt: 7 }])
    expect(await store.ask(() => find.execute({ owner: 'j_eve' }))).toEqual([])
    expect(prepared).toBe(1)
    await store.close()
  })
})
