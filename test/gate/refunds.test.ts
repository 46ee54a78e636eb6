import { afterEach, describe, expect, test } from 'bun:test'
import { array, assert, asyncProperty, constantFrom, oneof, record } from 'fast-check'
import { limiter } from '../../src/gate/limiter.ts'
import { type Clock, clockAt } from '../kit/clock.ts'
import { openTest, runOn } from '../kit/database.ts'
import { engines } from '../kit/engines.ts'

// The law of refunds. An admission moves F, the time in the row, on by at least s; a refund moves it back by at most s.
// So over any window: admissions − refunds ≤ burst + (t′ − t) / s, as without refunds. And a refund counts with those
// before it unless none came for a minute, so that a minute holds no more than `burst`.

const closes: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closes.splice(0)) await close()
})

const MINUTE = 60_000
const rate = { rpm: 60, burst: 3 }

interface Options {
  url: string
  clock?: Clock
  rpm?: number
  burst?: number
}

async function start({ url, clock = clockAt() as Clock, rpm = 60, burst = 10 }: Options) {
  const store = await openTest(url)
  closes.push(store.close)
  return { limit: limiter({ store, now: clock.now, rpm, burst }), clock, close: store.close }
}

type Limit = Awaited<ReturnType<typeof start>>['limit']

/** When a bucket will be full; 0 without a row. */
async function fullAt(url: string, owner: string): Promise<number> {
  const [row] = await runOn<number>(url, `SELECT full_at FROM limits WHERE owner = '${owner}'`)
  return row?.['full_at'] ?? 0
}

async function takes(limit: Limit, count: number): Promise<number> {
  let allowed = 0
  for (let at = 0; at < count; at++) if ((await limit.take('j_ada')).allowed) allowed++
  return allowed
}

type Event = { kind: 'take' | 'refund'; at: number }

/** The longest run of events that the law does not allow; none if it was kept. */
function breach(events: readonly Event[], burst: number, stepMs: number): string | undefined {
  const count = (some: readonly Event[], kind: Event['kind']) => some.filter(event => event.kind === kind).length
  for (const [first, { at: begin }] of events.entries()) {
    const minute = events.slice(first).filter(({ at }) => at < begin + MINUTE)
    const refunds = count(minute, 'refund')
    if (refunds > burst) return `${refunds} refunds in the minute from ${begin}`
    for (const [more, { at }] of events.slice(first).entries()) {
      const window = events.slice(first, first + more + 1)
      const net = count(window, 'take') - count(window, 'refund')
      if (net > burst + (at - begin) / stepMs) return `${net} in ${at - begin} ms`
    }
  }
  return undefined
}

describe.each(engines)('on $name', ({ fresh, runs }) => {
  describe('the law of refunds', () => {
    test('is kept whatever is taken and given back when, through sweeps and by two on one database', async () => {
      const url = await fresh()
      const clock = clockAt()
      const both = [await start({ url, clock, ...rate }), await start({ url, clock, ...rate })] as const
      const act = oneof(
        { weight: 4, arbitrary: constantFrom('take' as const) },
        { weight: 4, arbitrary: constantFrom('refund' as const) },
        constantFrom('sweep' as const),
      )
      const pause = constantFrom(0, 0, 0, 0, 0, 1, 500, 1000, 10_000, 59_999, 60_000)
      let run = 0
      let given = 0
      await assert(
        asyncProperty(
          array(record({ who: constantFrom(0, 1), act, pause }), { minLength: 20, maxLength: 60 }),
          async acts => {
            const owner = `j_${run++}`
            const events: Event[] = []
            const acting = {
              take: async (limit: Limit) => (await limit.take(owner)).allowed,
              refund: async (limit: Limit) => {
                const before = await fullAt(url, owner)
                await limit.refund(owner)
                return (await fullAt(url, owner)) !== before
              },
              sweep: (limit: Limit) => limit.sweep().then(() => false),
            }
            for (const { who, act, pause } of acts) {
              clock.pass(pause)
              const happened = await acting[act]((who === 0 ? both[0] : both[1]).limit)
              if (happened && act !== 'sweep') events.push({ kind: act, at: clock.now() })
            }
            given += events.filter(({ kind }) => kind === 'refund').length
            expect(breach(events, rate.burst, 1000)).toBeUndefined()
          },
        ),
        { numRuns: Math.min(60, runs) },
      )
      expect(given).toBeGreaterThan(runs / 2)
    })

    test('is measured by a measure that finds one too many', () => {
      const takes = (...times: number[]) => times.map(at => ({ kind: 'take' as const, at }))
      const refund = (at: number) => ({ kind: 'refund' as const, at })
      expect(breach([...takes(0, 0), refund(0), ...takes(0)], 2, 1000)).toBeUndefined()
      expect(breach([...takes(0, 0, 0), refund(0)], 2, 1000)).toBe('3 in 0 ms')
      expect(breach([0, 1, 59_999].map(refund), 2, 1000)).toBe('3 refunds in the minute from 0')
      expect(breach([0, 1, 60_000].map(refund), 2, 1000)).toBeUndefined()
    })
  })

  describe('a refund', () => {
    test('lets one more request in', async () => {
      const { limit } = await start({ url: await fresh(), burst: 2 })
      expect(await takes(limit, 5)).toBe(2)
      await limit.refund('j_ada')
      expect(await takes(limit, 5)).toBe(1)
    })

    test('makes no bucket fuller than full, and gives nothing to who took nothing', async () => {
      const { limit } = await start({ url: await fresh(), burst: 2 })
      await takes(limit, 1)
      await limit.refund('j_ada')
      await limit.refund('j_ada')
      await limit.refund('j_bob')
      expect(await takes(limit, 5)).toBe(2)
    })

    test('comes a whole bucket of times in a minute, and again a minute after the last', async () => {
      const { limit, clock } = await start({ url: await fresh(), rpm: 1, burst: 3 })
      const given = async () => {
        let count = 0
        for (let at = 0; at < 5; at++) {
          await limit.refund('j_ada')
          count += await takes(limit, 1)
        }
        return count
      }
      expect(await takes(limit, 9)).toBe(3)
      expect(await given()).toBe(3)
      clock.pass(MINUTE - 1)
      expect(await given()).toBe(0)
      clock.pass(1)
      await takes(limit, 1)
      expect(await given()).toBe(3)
    })

    test('is remembered by a take, a restart and a sweep', async () => {
      const url = await fresh()
      const clock = clockAt()
      const first = await start({ url, clock, rpm: 6000, burst: 1 })
      await first.limit.take('j_ada')
      await first.limit.refund('j_ada')
      await first.limit.take('j_ada')
      await first.close()
      clock.pass(59_999)
      const { limit } = await start({ url, clock, rpm: 6000, burst: 1 })
      await limit.sweep()
      await limit.take('j_ada')
      await limit.refund('j_ada')
      expect(await takes(limit, 1)).toBe(0)
      clock.pass(1)
      await limit.take('j_ada')
      expect(await takes(limit, 1)).toBe(0)
      await limit.refund('j_ada')
      expect(await takes(limit, 1)).toBe(1)
    })

    test('is given again after the clock stepped back by years, and its row is swept', async () => {
      const url = await fresh()
      const { limit, clock } = await start({ url, burst: 1 })
      await takes(limit, 1)
      await limit.refund('j_ada')
      clock.pass(-100_000_000_000)
      expect(await takes(limit, 1)).toBe(0)
      await limit.refund('j_ada')
      expect(await takes(limit, 1)).toBe(1)
      clock.pass(-100_000_000_000)
      await takes(limit, 1)
      clock.pass(60_000)
      await limit.sweep()
      expect(await fullAt(url, 'j_ada')).toBe(0)
    })
  })
})
