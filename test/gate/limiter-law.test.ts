import { afterEach, describe, expect, test } from 'bun:test'
import { array, assert, asyncProperty, constantFrom, integer, nat, oneof, record } from 'fast-check'
import { limiter } from '../../src/gate/limiter.ts'
import type { Store } from '../../src/store/store.ts'
import { openTest } from '../kit/database.ts'
import { engines } from '../kit/engines.ts'
import { type Admission, breach, type Rate } from '../kit/law.ts'
import { limitProcess } from '../kit/limit-process.ts'

// The law. F is the time in the row, t what the clock says, s the time one request takes to refill, d = burst · s.
//   An admission sets F to max(F, t) + s, and is one only if that is at most t + d.
// So of n admissions in a row, from the first's t to the last's t', F has grown to at least t + n · s and is at most
// t' + d: n ≤ burst + (t' − t) / s, whoever executed them and in whichever order their clocks were read.
//   A clock that steps on is time that passed: the bucket is no fuller than full.
//   A clock that steps back moves F away: fewer, never more. If F is then beyond t + d it is set to t + d, which is an
// empty bucket: still no more than before the step, and the next request is one s away.
//   A row is swept when F is past: the bucket was full then, and is full now.
// Hence, with `granted` for the time that passed and the steps forward, whatever the steps back:
//   over every window, admissions ≤ burst + granted / s; and no wait told is longer than s, let alone burst / rate.

const stores: Store[] = []
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
})

const rates = record({ rpm: constantFrom(7, 60, 600, 6000), burst: constantFrom(1, 2, 3, 10) })
const owners = constantFrom('ada', 'bob')
const who = constantFrom(0 as const, 1 as const)
/** In requests' worth of time, so that every rate is met where it hurts. */
const worth = constantFrom(0.01, 0.3, 0.99, 1, 1.01, 2.5, 40)

type Act =
  | { act: 'take'; who: 0 | 1; owner: string; count: number }
  | { act: 'pass'; worth: number }
  | { act: 'step'; worth: number }
  | { act: 'restart'; who: 0 | 1 }
  | { act: 'sweep'; who: 0 | 1 }
  | { act: 'breathe'; turns: number }

const takes = record({ act: constantFrom('take' as const), who, owner: owners, count: integer({ min: 1, max: 4 }) })
const passes = record({ act: constantFrom('pass' as const), worth })
const steps = record({
  act: constantFrom('step' as const),
  worth: oneof(
    worth,
    worth.map(far => -far),
  ),
})
const breaths = record({ act: constantFrom('breathe' as const), turns: nat({ max: 4 }) })
const restarts = record({ act: constantFrom('restart' as const), who })
const sweeps = record({ act: constantFrom('sweep' as const), who })

async function open(url: string): Promise<Store> {
  const store = await openTest(url)
  stores.push(store)
  return store
}

/** Plays a schedule on two limiters that share a database; what they admitted, by time granted, and the waits they told. */
async function play(url: string, rate: Rate, run: number, acts: readonly Act[]) {
  const step = 60_000 / rate.rpm
  const shared = [await open(url), await open(url)] as const
  const state = { stores: [...shared] as [Store, Store], clock: 1_767_225_600_000 + run * 1e9, granted: 0 }
  const admissions: Admission[] = []
  const waits: number[] = []
  let underWay: Promise<void>[] = []

  async function take({ who, owner }: { who: 0 | 1; owner: string }): Promise<void> {
    let at = 0
    const now = () => {
      at = state.granted
      return state.clock
    }
    const verdict = await limiter({ store: state.stores[who], now, ...rate }).take(`${owner}_${run}`)
    if (verdict.allowed) admissions.push({ owner, at })
    else waits.push(verdict.retryMs)
  }
  const settle = async () => {
    await Promise.all(underWay)
    underWay = []
  }
  // A statement on its way to PostgreSQL carries the time at which it was asked: it is done at a later one, so that a sweep
  // or a refusal by a clock that moved meanwhile may come before it. There the clock stands while any is under way.
  const inTime = async () => {
    if (url.startsWith('postgres')) await settle()
  }
  const acting: { [K in Act['act']]: (act: Extract<Act, { act: K }>) => unknown } = {
    take: act => {
      // Not awaited: what follows happens while these are under way.
      for (let count = 0; count < act.count; count++) underWay.push(take(act))
    },
    pass: async ({ worth }) => {
      await inTime()
      state.clock += Math.ceil(worth * step)
      state.granted += Math.ceil(worth * step)
    },
    step: async ({ worth }) => {
      await inTime()
      state.clock += Math.ceil(worth * step)
      state.granted += Math.max(0, Math.ceil(worth * step))
    },
    restart: async ({ who }) => {
      await settle()
      await state.stores[who].close()
      stores.splice(stores.indexOf(state.stores[who]), 1)
      state.stores[who] = await open(url)
    },
    sweep: ({ who }) => {
      underWay.push(limiter({ store: state.stores[who], now: () => state.clock, ...rate }).sweep())
    },
    breathe: async ({ turns }) => {
      for (let turn = 0; turn < turns; turn++) await undefined
    },
  }
  for (const act of acts) await (acting[act.act] as (act: Act) => unknown)(act)
  await settle()
  for (const store of state.stores) {
    await store.close()
    stores.splice(stores.indexOf(store), 1)
  }
  return { admissions, waits, step }
}

describe.each(engines)('on $name', ({ fresh, runs }) => {
  describe('the law of the limiter', () => {
    test('is kept by two on one database, through restarts, sweeps and clock steps both ways', async () => {
      const url = await fresh()
      const schedule = array(oneof({ weight: 5, arbitrary: takes }, passes, steps, breaths, restarts, sweeps), {
        maxLength: 60,
      })
      let run = 0
      await assert(
        asyncProperty(rates, schedule, async (rate, acts) => {
          const { admissions, waits, step } = await play(url, rate, run++, acts)
          expect(breach(admissions, rate)).toBeUndefined()
          expect(Math.max(0, ...waits)).toBeLessThanOrEqual(Math.ceil(step))
        }),
        { numRuns: runs },
      )
    })

    test('is kept by two processes that ask at once, one of them killed again and again, whatever the clock does', async () => {
      const url = await fresh()
      await open(url)
      const rate = { rpm: 60, burst: 5 }
      const rounds = array(record({ move: integer({ min: -8000, max: 8000 }), count: integer({ min: 1, max: 6 }) }), {
        minLength: 8,
        maxLength: 8,
      })
      const steady = await limitProcess(url, rate)
      let run = 0
      await assert(
        asyncProperty(rounds, async moves => {
          const owner = `ada_${run++}`
          const fragile = await limitProcess(url, rate)
          const admissions: Admission[] = []
          let clock = 1_767_225_600_000
          let granted = 0
          for (const { move, count } of moves) {
            clock += move
            granted += Math.max(0, move)
            const said = await Promise.all([steady, fragile].map(child => child.take({ owner, count, at: clock })))
            for (const { longestMs } of said) expect(longestMs).toBeLessThanOrEqual(1000)
            admissions.push(...said.flatMap(({ admissions }) => admissions).map(() => ({ owner, at: granted })))
          }
          await fragile.kill()
          expect(breach(admissions, rate)).toBeUndefined()
        }),
        { numRuns: 5 },
      )
      await steady.kill()
    }, 60_000)

    test('is kept by two processes that race each other through one bucket by their own clocks', async () => {
      const url = await fresh()
      await open(url)
      const rate = { rpm: 60_000, burst: 5 }
      const children = [await limitProcess(url, rate), await limitProcess(url, rate)]
      const said = await Promise.all(children.map(child => child.take({ owner: 'ada', count: 8, forMs: 700 })))
      for (const child of children) await child.kill()
      const admissions = said.flatMap(({ admissions }) => admissions)
      expect(admissions.length).toBeGreaterThan(20)
      expect(breach(admissions, rate)).toBeUndefined()
    }, 60_000)
  })
})

test('the law is kept when one is allowed between a refusal and its look at the row', async () => {
  const rate = { rpm: 60, burst: 2 }
  let clock = 1_767_225_600_000
  const now = () => clock
  const store = await open('sqlite::memory:')
  const other = limiter({ store, now, ...rate })
  const ask: Store['ask'] = async look => {
    clock += 1000
    expect((await other.take('ada')).allowed).toBe(true)
    return store.ask(look)
  }
  const { take } = limiter({ store: { ...store, ask }, now, ...rate })
  const asked = [take('ada'), take('ada'), take('ada')]
  expect((await Promise.all(asked)).map(({ allowed }) => allowed)).toEqual([true, true, false])
  expect((await other.take('ada')).allowed).toBe(false)
})

describe('the measure itself', () => {
  const at = (...times: number[]) => times.map(at => ({ owner: 'ada', at }))

  test('finds one request too many wherever it hides', () => {
    const rate = { rpm: 60, burst: 2 }
    expect(breach(at(0, 0, 1000, 2000, 3000), rate)).toBeUndefined()
    expect(breach(at(0, 0, 1000, 1999, 3000), rate)).toBe('ada: 4 in 1999 ms, 1000 µs too soon')
    expect(breach(at(0, 9000, 9000, 9001), rate)).toContain('3 in 1 ms')
  })
})
