import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { leases } from '../../src/gate/leases.ts'
import { limiter } from '../../src/gate/limiter.ts'
import { clocks } from '../../src/store/clocks.ts'
import { openDatabase } from '../../src/store/open.ts'
import { type Store, sharedClock } from '../../src/store/store.ts'
import { clockAt } from '../kit/clock.ts'
import { postgres } from '../kit/engines.ts'

describe('two clocks', () => {
  const compared = async (there: number, took = 10) => {
    const { now, pass } = clockAt(1000)
    const clock = clocks(now)
    await clock.compare(async () => {
      pass(took)
      return there
    })
    return clock.aheadMs()
  }

  test.each([
    ['between the asking and the coming', 1000, 0],
    ['between them, at the last moment', 1010, 0],
    ['before the asking', 900, -100],
    ['after the coming', 91_010, 90_000],
  ])('differ by what is certain, where the answer was given %s', async (_, there, ahead) => {
    expect(await compared(there)).toBe(ahead)
  })

  test('are not compared by an answer that took longer than a second', async () => {
    expect([await compared(91_000, 1000), await compared(91_000, 1001)]).toEqual([89_000, 0])
  })

  test('are compared anew', async () => {
    const { now } = clockAt(1000)
    const clock = clocks(now)
    await clock.compare(async () => 5000)
    await clock.compare(async () => 1000)
    expect(clock.aheadMs()).toBe(0)
  })
})

describe('gateways whose clocks are 90 s apart', () => {
  // The one whose clock is right, one ahead and one behind.
  const SKEWS = [0, 90_000, -90_000]
  let each: { store: Store; now: () => number }[]
  beforeAll(async () => {
    const url = await postgres.fresh()
    each = []
    for (const skew of SKEWS) {
      const own = () => Date.now() + skew
      const store = await openDatabase(url, { now: own, connections: 2 })
      await store.migrate()
      each.push({ store, now: sharedClock(store, own) })
    }
  })
  afterAll(async () => {
    for (const { store } of each) await store.close()
  })

  test('have the time of the database, and find it again', async () => {
    for (const { store } of each) await store.compareClocks()
    const [right, ahead, behind] = each.map(({ store }) => store.aheadMs())
    expect(right).toBe(0)
    // Less what an answer may have taken.
    expect(ahead).toBeWithin(-90_000, -89_000)
    expect(behind).toBeWithin(89_000, 90_001)
  })

  test('let a caller have one bucket, whichever of them is asked', async () => {
    const limits = each.map(deps => limiter({ ...deps, rpm: 1, burst: 3 }))
    const verdicts: boolean[] = []
    for (let at = 0; at < 9; at++) verdicts.push((await limits[at % 3]!.take('j_ada')).allowed)
    expect(verdicts).toEqual([true, true, true, ...Array(6).fill(false)])
    for (const limit of limits) expect((await limit.take('j_ada')).retryMs).toBeWithin(50_000, 60_001)
  })

  test('leave each other the requests that are open', async () => {
    const rows = each.map((deps, at) => leases({ ...deps, limit: 2, process: `p_${at}` }))
    expect(await rows[0]!.take('j_ada')).toMatchObject({ number: 1 })
    for (const row of rows) await row.sweep()
    expect(await rows[1]!.take('j_ada')).toMatchObject({ number: 2 })
    for (const row of rows) await row.sweep()
    for (const row of rows) expect(await row.take('j_ada')).toBeUndefined()
  })
})
