import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import { array, assert, asyncProperty, constantFrom, integer, nat, record } from 'fast-check'
import { conversationRows, type Order, type Row, type Rows, START } from '../../../src/features/conversations/rows.ts'
import type { Kind } from '../../../src/protocol/reference-names.ts'
import { belongings } from '../../../src/store/schema.ts'
import type { Store } from '../../../src/store/store.ts'
import { openTest } from '../../kit/database.ts'
import { engines } from '../../kit/engines.ts'
import { outcome } from '../../kit/problem.ts'

describe.each(engines)('on $name', ({ fresh, runs }) => {
  let store: Store
  let rows: Rows
  beforeAll(async () => {
    store = await openTest(await fresh())
    rows = conversationRows(store)
  })
  afterAll(() => store.close())

  /** Owns ids by the moment of their last use. */
  async function own(owner: string, used: readonly (readonly [string, number])[], kind: Kind = 'conversation') {
    const [id, usedAt] = [sql`${sql.placeholder('id')}`, sql`${sql.placeholder('usedAt')}`]
    const statement = store.db.insert(belongings).values({ kind, id, owner, createdAt: 0, usedAt }).prepare()
    await store.atomically(used.map(([id, usedAt]) => ({ statement, values: { id, usedAt } })))
  }

  const ids = async (owner: string, order: Order = 'desc', behind: Row = START[order]) =>
    (await rows.page(owner, { order, behind, count: 100 })).map(({ id }) => id)

  test('conversations come by their last use, and nobody else’s, and nothing else', async () => {
    await own('u_ada', [
      ['conv_b', 5],
      ['conv_a', 5],
      ['conv_c', 9],
    ])
    await own('u_ada', [['file_a', 7]], 'file')
    await own('u_eve', [['conv_d', 6]])
    expect(await ids('u_ada')).toEqual(['conv_c', 'conv_b', 'conv_a'])
    expect(await ids('u_ada', 'asc')).toEqual(['conv_a', 'conv_b', 'conv_c'])
    expect(await ids('u_nobody')).toEqual([])
  })

  test('pages of any size hold each row once, however many were used in one millisecond', async () => {
    let run = 0
    const given = record({
      moments: array(integer({ min: 1, max: 3 }), { maxLength: 12 }),
      count: nat({ max: 4 }).map(count => count + 1),
      order: constantFrom<Order>('asc', 'desc'),
    })
    await assert(
      asyncProperty(given, async ({ moments, count, order }) => {
        const owner = `u_${run++}`
        await own(
          owner,
          moments.map((usedAt, at) => [`${owner}_${at}`, usedAt]),
        )
        const seen: Row[] = []
        for (let page: Row[] = []; ; ) {
          page = await rows.page(owner, { order, behind: page.at(-1) ?? START[order], count })
          seen.push(...page)
          if (page.length < count) break
        }
        const times = seen.map(({ usedAt }) => usedAt)
        expect(new Set(seen.map(({ id }) => id)).size).toBe(moments.length)
        expect(times).toEqual(moments.toSorted((a, b) => (order === 'asc' ? a - b : b - a)))
      }),
      { numRuns: Math.min(runs, 25) },
    )
  })

  test('one is found by its owner, by its own spelling, and by nobody and nothing else', async () => {
    await own('u_one', [['conv_0a', 3]])
    await own('u_one', [['file_0a', 3]], 'file')
    expect(await rows.one('u_one', 'conv_0a')).toEqual({ id: 'conv_0a', usedAt: 3 })
    const others = [
      ['u_two', 'conv_0a'],
      ['u_one', 'conv_0A'],
      ['u_one', 'conv_0a\0'],
      ['u_one', 'file_0a'],
      ['u_one', ''],
    ] as const
    for (const [owner, id] of others) expect(await outcome(() => rows.one(owner, id))).toBe('not_found')
  })

  test('whatever is forgotten is its owner’s, a conversation, and named', async () => {
    const many = Array.from({ length: 450 }, (_, at) => `many_${at}`)
    await own(
      'u_many',
      many.map(id => [id, 1]),
    )
    await own('u_other', [['other', 1]])
    await own('u_many', [['many_0', 1]], 'response')
    await rows.forget('u_many', [...many.slice(1), 'other', 'unknown'])
    expect(await ids('u_many')).toEqual(['many_0'])
    expect(await ids('u_other')).toEqual(['other'])
    await rows.forget('u_many', ['many_0'])
    const left = await store.db.select().from(belongings).prepare().execute()
    expect(left.filter(({ owner }) => owner === 'u_many').map(({ kind }) => kind)).toEqual(['response'])
  })
})
