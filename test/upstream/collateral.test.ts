import { expect, test } from 'bun:test'
import type { Collateral } from '../../src/tee/collateral.ts'
import { keptCollateral } from '../../src/upstream/collateral.ts'
import { clockAt } from '../kit/clock.ts'
import { intel } from '../kit/intel.ts'
import { quoteBy } from '../kit/quoting.ts'

const DAY_MS = 86_400_000
const quote = await quoteBy(await intel(), {})

/** Intel's service, which counts, and may be away. */
function service() {
  const clock = clockAt()
  const state = { asked: 0, isAway: false, lines: [] as unknown[] }
  const collateralOf = keptCollateral({
    now: clock.now,
    log: (...line) => void state.lines.push(line),
    fetchCollateral: async platform => {
      state.asked++
      if (state.isAway) throw new Error('away')
      expect(platform).toEqual({ fmspc: '10c06f000000', authority: 'platform' })
      return { tcb_info: `${state.asked}` } as Collateral
    },
  })
  const told = async () => (await collateralOf(quote))?.tcb_info
  return { clock, state, told, collateralOf }
}

test('what Intel publishes is fetched once a day, and once for all who ask', async () => {
  const { clock, state, told } = service()
  expect(await Promise.all([told(), told()])).toEqual(['1', '1'])
  clock.pass(DAY_MS - 1)
  expect([await told(), state.asked]).toEqual(['1', 1])
  clock.pass(1)
  // Whoever asks first is not kept waiting for what is newer.
  expect([await told(), state.asked]).toEqual(['1', 2])
  expect(await told()).toBe('2')
})

test('while it cannot be fetched the last is told, and it is asked for once a minute', async () => {
  const { clock, state, told } = service()
  await told()
  state.isAway = true
  clock.pass(DAY_MS)
  expect([await told(), await told(), state.asked]).toEqual(['1', '1', 2])
  clock.pass(60_000)
  expect([await told(), state.asked]).toEqual(['1', 3])
  await Promise.resolve()
  expect(state.lines).toContainEqual(['warn', 'collateral_failed', expect.anything()])
})

test('where it never could be, nothing is told', async () => {
  const { state, told } = service()
  state.isAway = true
  expect([await told(), await told(), state.asked]).toEqual([undefined, undefined, 1])
})

test('of a quote without certificates nothing is asked', async () => {
  const { state, collateralOf } = service()
  expect([await collateralOf(Buffer.alloc(700)), state.asked]).toEqual([undefined, 0])
})
