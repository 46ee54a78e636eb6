import { Database } from 'bun:sqlite'
import { afterEach, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { array, assert, asyncProperty, constantFrom, integer, nat, record } from 'fast-check'
import { type Limiter, limiter } from '../../src/gate/limiter.ts'
import { openStore } from '../../src/store/open.ts'
import { type Clock, clockAt } from '../kit/clock.ts'
import { freshDirectory } from '../kit/directory.ts'

interface Options {
  path?: string
  clock?: Clock
  rpm?: number
  burst?: number
}

const closes: (() => void)[] = []
afterEach(() => {
  for (const close of closes.splice(0)) close()
})

const freshPath = () => join(freshDirectory(), 'sealgate.db')

async function start({ path = ':memory:', clock = clockAt(), rpm = 60, burst = 10 }: Options = {}) {
  const { store } = await openStore({ path, dataKey: undefined, identityKey: undefined })
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

describe('the limiter', () => {
  test('gives the verdicts of a token bucket, whatever the schedule', async () => {
    const path = freshPath()
    const pause = constantFrom(0, 1, 3, 10, 99, 100, 500, 999, 1000, 1001, 8571, 60_000, 600_000)
    let run = 0
    await assert(
      asyncProperty(rates, array(pause, { maxLength: 30 }), async (rate, pauses) => {
        const { limit, clock, close } = await start({ path, ...rate })
        const owner = `j_${run++}`
        const expected = bucket(rate.rpm, rate.burst)
        for (const ms of pauses) {
          clock.pass(ms)
          expect(await limit.take(owner)).toEqual(expected(clock.now()))
        }
        close()
      }),
    )
  })

  test.each([1, 2, 10])('admits exactly %d of 50 at once', async burst => {
    const { limit } = await start({ path: freshPath(), burst })
    expect(await takes(limit, 50)).toBe(burst)
    expect(await takes(limit, 50)).toBe(0)
  })

  test('gives each caller a bucket of their own', async () => {
    const { limit } = await start({ burst: 3 })
    expect(await takes(limit, 5, 'j_ada')).toBe(3)
    expect(await takes(limit, 5, 'j_bob')).toBe(3)
  })

  test('takes nothing for what it refuses', async () => {
    const { limit, clock } = await start({ burst: 2 })
    await takes(limit, 200)
    clock.pass(1000)
    expect(await takes(limit, 5)).toBe(1)
  })

  test('writes nothing for what it refuses', async () => {
    const path = freshPath()
    const { limit } = await start({ path, burst: 2 })
    await takes(limit, 3)
    const before = readFileSync(`${path}-wal`, 'hex')
    await takes(limit, 50)
    expect(readFileSync(`${path}-wal`, 'hex') === before).toBe(true)
  })
})

describe('a bucket', () => {
  test('outlives the process that filled it', async () => {
    const path = freshPath()
    const clock = clockAt()
    const first = await start({ path, clock })
    expect(await takes(first.limit, 8)).toBe(8)
    first.close()
    const second = await start({ path, clock })
    expect(await takes(second.limit, 8)).toBe(2)
    clock.pass(3000)
    expect(await takes(second.limit, 8)).toBe(3)
  })

  test('is one for all that share the file', async () => {
    const path = freshPath()
    const clock = clockAt()
    const [one, two] = [await start({ path, clock }), await start({ path, clock })]
    const admitted = await Promise.all([takes(one.limit, 25), takes(two.limit, 25)])
    expect(admitted[0] + admitted[1]).toBe(10)
  })

  test('made smaller keeps nobody waiting for the larger one', async () => {
    const path = freshPath()
    const clock = clockAt()
    const large = await start({ path, clock, burst: 100 })
    await takes(large.limit, 100)
    large.close()
    const small = await start({ path, clock, burst: 2 })
    expect(await small.limit.take('j_ada')).toMatchObject({ allowed: false, retryMs: 1000, resetMs: 2000 })
    clock.pass(1000)
    expect(await takes(small.limit, 5)).toBe(1)
  })
})

describe('a refusal', () => {
  test('tells to the millisecond when the next request is allowed', async () => {
    const path = freshPath()
    let run = 0
    await assert(
      asyncProperty(rates, nat({ max: 100_000 }), async (rate, pause) => {
        const { limit, clock, close } = await start({ path, ...rate })
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
        close()
      }),
    )
  })
})

describe('a clock that steps back', () => {
  const HOUR = 3_600_000

  test('by years keeps nobody waiting longer than a full bucket takes', async () => {
    const { limit, clock } = await start({ burst: 10 })
    await takes(limit, 4)
    clock.pass(-10 * 365 * 24 * HOUR)
    const verdict = await limit.take('j_ada')
    expect(verdict.retryMs).toBeLessThanOrEqual(10_000)
    expect(verdict.resetMs).toBeLessThanOrEqual(10_000)
    clock.pass(10_000)
    expect(await takes(limit, 20)).toBe(10)
  })

  test('and forth as it likes never makes a wait longer than burst/rate, nor a refusal untruthful', async () => {
    const path = freshPath()
    const move = integer({ min: -100, max: 100 }).map(seconds => seconds * 997)
    let run = 0
    await assert(
      asyncProperty(rates, array(move, { minLength: 1, maxLength: 12 }), async (rate, moves) => {
        const { limit, clock, close } = await start({ path, ...rate })
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
        close()
      }),
    )
  })
})

describe('a sweep', () => {
  const owners = (path: string) => {
    const file = new Database(path)
    const rows = file.query<{ owner: string }, []>('SELECT owner FROM limits ORDER BY owner').all()
    file.close()
    return rows.map(({ owner }) => owner)
  }

  test('removes the buckets that are full again and no others', async () => {
    const path = freshPath()
    const { limit, clock } = await start({ path })
    await takes(limit, 1, 'j_old')
    await takes(limit, 3, 'j_three')
    clock.pass(1001)
    await takes(limit, 1, 'j_new')
    await limit.sweep()
    expect(owners(path)).toEqual(['j_new', 'j_three'])
    expect(await takes(limit, 20, 'j_three')).toBe(8)
    clock.pass(60_000)
    await limit.sweep()
    expect(owners(path)).toEqual([])
    expect(await takes(limit, 20, 'j_three')).toBe(10)
  })

  test('of many rows removes them all', async () => {
    const path = freshPath()
    const { limit } = await start({ path })
    const file = new Database(path)
    const insert = file.prepare('INSERT INTO limits (owner, full_at) VALUES (?, 7)')
    file.transaction(() => {
      for (let at = 0; at < 1700; at++) insert.run(`j_${at}`)
    })()
    file.close()
    await limit.sweep()
    expect(owners(path)).toEqual([])
  })
})
