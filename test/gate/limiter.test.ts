import { afterEach, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { array, assert, asyncProperty, constantFrom, integer, nat, record } from 'fast-check'
import { type Limiter, limiter } from '../../src/gate/limiter.ts'
import { type Clock, clockAt } from '../kit/clock.ts'
import { openTest } from '../kit/database.ts'
import { freshDirectory } from '../kit/directory.ts'
import { engines } from '../kit/engines.ts'

interface Options {
  url: string
  clock?: Clock
  rpm?: number
  burst?: number
}

const closes: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closes.splice(0)) await close()
})

async function start({ url, clock = clockAt(), rpm = 60, burst = 10 }: Options) {
  const store = await openTest(url)
  closes.push(store.close)
  return { limit: limiter({ store, now: clock.now, rpm, burst }), clock, close: store.close }
}

async function takes(limit: Limiter, count: number, owner = 'j_ada'): Promise<number> {
  const verdicts = await Promise.all(Array.from({ length: count }, () => limit.take(owner)))
  return verdicts.filter(({ allowed }) => allowed).length
}

/** A token bucket in whole microseconds: as different from the one under test as it can be. */
function bucket(rpm: number, burst: number) {
  const step = Math.round(60_000_000 / rpm)
  let level = step * burst
  let filledAt = 0
  return (now: number) => {
    level = Math.min(step * burst, level + (now - filledAt) * 1000)
    filledAt = now
    const allowed = level >= step
    if (allowed) level -= step
    return {
      allowed,
      remaining: Math.floor(level / step),
      resetMs: (step * burst - level) / 1000,
      retryMs: allowed ? 0 : Math.max(1, (step - level) / 1000),
    }
  }
}

const rates = record({ rpm: constantFrom(1, 7, 60, 600, 5999), burst: constantFrom(1, 2, 3, 10) })

describe.each(engines)('on $name', ({ fresh, run, runs }) => {
  describe('the limiter', () => {
    test('gives the verdicts of a token bucket, whatever the schedule', async () => {
      const url = await fresh()
      const pause = constantFrom(0, 1, 3, 10, 99, 100, 500, 999, 1000, 1001, 8571, 60_000, 600_000)
      let run = 0
      await assert(
        asyncProperty(rates, array(pause, { maxLength: 30 }), async (rate, pauses) => {
          const { limit, clock, close } = await start({ url, ...rate })
          const owner = `j_${run++}`
          const expected = bucket(rate.rpm, rate.burst)
          for (const ms of pauses) {
            clock.pass(ms)
            expect(await limit.take(owner)).toEqual(expected(clock.now()))
          }
          await close()
        }),
        { numRuns: runs },
      )
    })

    test.each([1, 2, 10])('admits exactly %d of 50 at once', async burst => {
      const { limit } = await start({ url: await fresh(), burst })
      expect(await takes(limit, 50)).toBe(burst)
      expect(await takes(limit, 50)).toBe(0)
    })

    test('gives each caller a bucket of their own', async () => {
      const { limit } = await start({ url: await fresh(), burst: 3 })
      expect(await takes(limit, 5, 'j_ada')).toBe(3)
      expect(await takes(limit, 5, 'j_bob')).toBe(3)
    })

    test('takes nothing for what it refuses', async () => {
      const { limit, clock } = await start({ url: await fresh(), burst: 2 })
      await takes(limit, 200)
      clock.pass(1000)
      expect(await takes(limit, 5)).toBe(1)
    })
  })

  describe('a bucket', () => {
    test('outlives the process that filled it', async () => {
      const url = await fresh()
      const clock = clockAt()
      const first = await start({ url, clock })
      expect(await takes(first.limit, 8)).toBe(8)
      await first.close()
      const second = await start({ url, clock })
      expect(await takes(second.limit, 8)).toBe(2)
      clock.pass(3000)
      expect(await takes(second.limit, 8)).toBe(3)
    })

    test('is one for all that share the file', async () => {
      const url = await fresh()
      const clock = clockAt()
      const [one, two] = [await start({ url, clock }), await start({ url, clock })]
      const admitted = await Promise.all([takes(one.limit, 25), takes(two.limit, 25)])
      expect(admitted[0] + admitted[1]).toBe(10)
    })

    test('made smaller keeps nobody waiting for the larger one', async () => {
      const url = await fresh()
      const clock = clockAt()
      const large = await start({ url, clock, burst: 100 })
      await takes(large.limit, 100)
      await large.close()
      const small = await start({ url, clock, burst: 2 })
      expect(await small.limit.take('j_ada')).toMatchObject({ allowed: false, retryMs: 1000, resetMs: 2000 })
      clock.pass(1000)
      expect(await takes(small.limit, 5)).toBe(1)
    })
  })

  describe('a refusal', () => {
    test('tells to the millisecond when the next request is allowed', async () => {
      const url = await fresh()
      let run = 0
      await assert(
        asyncProperty(rates, nat({ max: 100_000 }), async (rate, pause) => {
          const { limit, clock, close } = await start({ url, ...rate })
          const owner = `j_${run++}`
          await takes(limit, 1, owner)
          clock.pass(pause)
          await takes(limit, rate.burst, owner)
          const refused = await limit.take(owner)
          expect(refused).toMatchObject({ allowed: false, remaining: 0 })
          const wait = Math.ceil(refused.retryMs)
          clock.pass(wait - 1)
          expect((await limit.take(owner)).allowed).toBe(false)
          clock.pass(1)
          expect((await limit.take(owner)).allowed).toBe(true)
          await close()
        }),
        { numRuns: runs },
      )
    })
  })

  describe('a clock that steps back', () => {
    const HOUR = 3_600_000

    test('by years keeps nobody waiting longer than a full bucket takes', async () => {
      const { limit, clock } = await start({ url: await fresh(), burst: 10 })
      await takes(limit, 4)
      clock.pass(-10 * 365 * 24 * HOUR)
      const verdict = await limit.take('j_ada')
      expect(verdict.retryMs).toBeLessThanOrEqual(10_000)
      expect(verdict.resetMs).toBeLessThanOrEqual(10_000)
      clock.pass(10_000)
      expect(await takes(limit, 20)).toBe(10)
    })

    test('and forth as it likes never makes a wait longer than burst/rate, nor a refusal untruthful', async () => {
      const url = await fresh()
      const move = integer({ min: -100, max: 100 }).map(seconds => seconds * 997)
      let run = 0
      await assert(
        asyncProperty(rates, array(move, { minLength: 1, maxLength: 12 }), async (rate, moves) => {
          const { limit, clock, close } = await start({ url, ...rate })
          const owner = `j_${run++}`
          const whole = (Math.round(60_000_000 / rate.rpm) * rate.burst) / 1000
          for (const ms of moves) {
            await takes(limit, 2, owner)
            clock.pass(ms)
            const verdict = await limit.take(owner)
            expect(verdict.resetMs).toBeLessThanOrEqual(whole)
            expect(verdict.retryMs).toBeLessThanOrEqual(whole)
          }
          while ((await limit.take(owner)).allowed) clock.pass(0)
          clock.pass(Math.ceil((await limit.take(owner)).retryMs))
          expect((await limit.take(owner)).allowed).toBe(true)
          await close()
        }),
        { numRuns: runs },
      )
    })
  })

  describe('a sweep', () => {
    const owners = async (url: string) =>
      (await run(url, 'SELECT owner FROM limits ORDER BY owner')).map(({ owner }) => owner)

    test('removes the buckets that are full again and no others', async () => {
      const url = await fresh()
      const { limit, clock } = await start({ url })
      await takes(limit, 1, 'j_old')
      await takes(limit, 3, 'j_three')
      clock.pass(1001)
      await takes(limit, 1, 'j_new')
      await limit.sweep()
      expect(await owners(url)).toEqual(['j_new', 'j_three'])
      expect(await takes(limit, 20, 'j_three')).toBe(8)
      clock.pass(60_000)
      await limit.sweep()
      expect(await owners(url)).toEqual([])
      expect(await takes(limit, 20, 'j_three')).toBe(10)
    })

    test('of many rows removes them all', async () => {
      const url = await fresh()
      const { limit } = await start({ url })
      const many = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1700)'
      await run(url, `${many} INSERT INTO limits (owner, full_at) SELECT 'j_' || i, 7 FROM n`)
      await limit.sweep()
      expect(await owners(url)).toEqual([])
    })
  })
})

test('a refusal writes nothing to a SQLite file', async () => {
  const path = join(freshDirectory(), 'sealgate.db')
  const { limit } = await start({ url: `sqlite:${path}`, burst: 2 })
  await takes(limit, 3)
  const before = readFileSync(`${path}-wal`, 'hex')
  await takes(limit, 50)
  expect(readFileSync(`${path}-wal`, 'hex') === before).toBe(true)
})
