import { describe, expect, test } from 'bun:test'
import { type Activity, activities } from '../../../src/features/admin/activities.ts'
import { batches } from '../../../src/gate/batch.ts'
import type { Route } from '../../../src/protocol/exchange.ts'
import { activity } from '../../../src/store/schema.ts'
import { engines } from '../../kit/engines.ts'
import { entry } from '../../kit/entries.ts'
import { population } from '../../kit/population.ts'

describe.each(engines)('on $name', ({ fresh }) => {
  const people = population(fresh)

  /** Somebody of whom things are noted and booked. */
  function somebody() {
    const { store, clock } = people()
    const owner = `u_${crypto.randomUUID()}`
    const from = clock.now()
    const batchOf = batches(store)
    const told = activities(store)
    return {
      from,
      noted: async (rows: readonly Partial<typeof activity.$inferInsert>[]) => {
        const row = () => ({ owner, at: from, id: crypto.randomUUID(), kind: 'login', authMethod: 'google' })
        const writes = rows.map(more =>
          store.db
            .insert(activity)
            .values({ ...row(), ...more })
            .prepare(),
        )
        await store.atomically(writes.map(statement => ({ statement, values: {} })))
      },
      booked: (rows: readonly Partial<ReturnType<typeof entry>>[]) =>
        store.atomically(
          batchOf(rows.map(more => ({ entry: { ...entry({ owner, at: from }), ...more }, receipt: undefined }))).writes,
        ),
      page: (limit: number, offset = 0, since = from) => told(owner, since, { limit, offset }),
    }
  }
  const kindsOf = (rows: readonly Activity[]) => rows.map(({ kind, about }) => `${kind} ${about}`).sort()

  test('pages of any length tell all that was noted and booked, the latest first, and each of it once', async () => {
    const { from, noted, booked, page } = somebody()
    const moments = Array.from({ length: 24 }, (_, at) => from + ((at * 7) % 5))
    await noted(moments.map(at => ({ at })))
    await booked(moments.map(at => ({ at: at + 2 })))
    const whole = await page(100)
    expect(
      Map.groupBy(whole, ({ kind }) => kind)
        .values()
        .map(some => some.length)
        .toArray(),
    ).toEqual([24, 24])
    expect(new Set(whole.map(({ id }) => id)).size).toBe(48)
    expect(whole.map(({ at }) => at)).toEqual(whole.map(({ at }) => at).sort((a, b) => b - a))
    for (const limit of [1, 5, 7, 24, 47]) {
      const pages: Activity[] = []
      for (let offset = 0; offset <= 48; offset += limit) pages.push(...(await page(limit, offset)))
      expect(pages).toEqual(whole)
    }
  })

  test('an answer is what succeeded and costs tokens', async () => {
    const { booked, page } = somebody()
    const routes = ['/v1/models', '/v1/audio/speech', '/v1/responses/input_tokens'] as Route[]
    await booked([
      ...routes.map(route => ({ route, chatId: 'other' })),
      ...[199, 300, 400, 422, 499, 502].map(status => ({ status, chatId: 'failed' })),
      { route: '/v1/responses' as Route, status: 201, chatId: 'resp_1' },
      { route: '/v1/embeddings' as Route, status: 299 },
    ])
    expect(kindsOf(await page(100))).toEqual(['response null', 'response resp_1'])
  })

  test('a response that is noted and booked is told once', async () => {
    const { noted, booked, page } = somebody()
    await noted([{ kind: 'response', about: 'resp_1' }])
    await booked([{ route: '/v1/responses' as Route, chatId: 'resp_1' }])
    expect(kindsOf(await page(100))).toEqual(['response resp_1'])
  })

  test('what is older than the time that is told, or another’s, is not told', async () => {
    const { from, noted, booked, page } = somebody()
    for (const at of [from - 1, from]) {
      await noted([
        { at, about: String(at) },
        { at, owner: 'u_other' },
      ])
      await booked([
        { at, chatId: String(at) },
        { at, owner: 'u_other' },
      ])
    }
    expect(kindsOf(await page(100))).toEqual([`login ${from}`, `response ${from}`])
  })
})
