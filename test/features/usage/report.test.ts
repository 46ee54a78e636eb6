import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { array, assert, asyncProperty, constantFrom, integer, nat, record, tuple } from 'fast-check'
import { report } from '../../../src/features/usage/report.ts'
import { type Ledger, ledger } from '../../../src/gate/ledger.ts'
import type { Store } from '../../../src/store/store.ts'
import { openTest } from '../../kit/database.ts'
import { engines } from '../../kit/engines.ts'
import { entry } from '../../kit/entries.ts'

const HOUR = 3_600_000
const MIDNIGHT = Date.UTC(2026, 10, 22)
const pico = (count: number) => `0.${String(count).padStart(12, '0')}`

describe.each(engines)('a report on $name', ({ fresh, runs }) => {
  let store: Store
  let book: Ledger
  let usageOf: ReturnType<typeof report>
  beforeAll(async () => {
    store = await openTest(await fresh())
    book = ledger({ store, log: () => undefined, flushMs: 1_000_000 })
    usageOf = report(store)
  })
  afterAll(async () => {
    await book.close()
    await store.close()
  })

  test('of any range is the sum of exactly the rows in it', async () => {
    // Near the borders of hours and days, and minutes.
    const time = tuple(
      integer({ min: -30, max: 30 }),
      constantFrom(-60_001, -60_000, -1, 0, 1, 59_999, 60_000, 1_800_000),
    )
    const at = time.map(([hours, rest]) => MIDNIGHT + hours * HOUR + rest)
    const entries = array(
      record({ at, model: constantFrom('small', undefined), prompt: nat({ max: 9 }), cost: nat({ max: 99 }) }),
      {
        maxLength: 30,
      },
    )
    let run = 0
    await assert(
      asyncProperty(entries, at, at, async (given, one, other) => {
        const owner = `j_${run++}`
        for (const { cost, ...fields } of given)
          book.enter(entry({ owner, ...fields, completion: 1, cost: pico(cost) }))
        await book.flush()
        const range = { start: Math.min(one, other), end: Math.max(one, other) }
        const { total, by_model, by_day } = await usageOf(owner, range)
        const own = given.filter(({ at }) => at >= range.start && at < range.end)
        const tokens = (some: typeof own) => some.reduce((sum, { prompt }) => sum + prompt + 1, 0)
        expect([total.requests, total.total_tokens]).toEqual([own.length, tokens(own)])
        expect(Math.round(Number(total.cost) * 1e12)).toBe(own.reduce((sum, { cost }) => sum + cost, 0))
        const days = Map.groupBy(own, ({ at }) => new Date(at).toISOString().slice(0, 10))
        expect(by_day.map(({ day, total_tokens }) => [day, total_tokens])).toEqual(
          [...days].map(([day, some]) => [day, tokens(some)] as [string, number]).sort(([a], [b]) => (a < b ? -1 : 1)),
        )
        const models = Map.groupBy(own, ({ model }) => model ?? null)
        expect(new Map(by_model.map(({ model, total_tokens }) => [model, total_tokens]))).toEqual(
          new Map([...models].map(([model, some]) => [model, tokens(some)])),
        )
      }),
      { numRuns: Math.min(60, runs) },
    )
  })

  test('orders models by their tokens, then by name', async () => {
    const use = (model: string | undefined, prompt: number) =>
      book.enter(entry({ owner: 'j_order', at: MIDNIGHT, model, prompt, completion: 0 }))
    for (const [model, prompt] of [
      ['b', 5],
      ['c', 9],
      ['a', 5],
      [undefined, 5],
      ['c', 1],
    ] as const)
      use(model, prompt)
    await book.flush()
    const { by_model } = await usageOf('j_order', { start: MIDNIGHT, end: MIDNIGHT + HOUR })
    expect(by_model.map(({ model, total_tokens }) => [model, total_tokens])).toEqual([
      ['c', 10],
      [null, 5],
      ['a', 5],
      ['b', 5],
    ])
  })

  test('is exact beyond what a number holds, and counts estimates', async () => {
    // 9,007.199254740993 dollars are 2^53 + 1 in the ledger.
    const costs = ['9007.199254740993', '0.000000000002', '9007.199254740993', undefined]
    const use = (at: number) => {
      for (const cost of costs) book.enter(entry({ owner: `j_${at}`, at, cost, estimated: cost === undefined }))
    }
    use(MIDNIGHT)
    use(MIDNIGHT + 1)
    await book.flush()
    const whole = await usageOf(`j_${MIDNIGHT}`, { start: MIDNIGHT, end: MIDNIGHT + HOUR })
    const edge = await usageOf(`j_${MIDNIGHT + 1}`, { start: MIDNIGHT + 1, end: MIDNIGHT + HOUR - 1 })
    for (const { total } of [whole, edge])
      expect(total).toMatchObject({ requests: 4, cost: '18014.398509481988', estimated: 1 })
  })
})
