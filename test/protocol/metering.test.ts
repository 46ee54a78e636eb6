import { describe, expect, test } from 'bun:test'
import { assert, bigInt, property } from 'fast-check'
import { dollarsOf, picoOf } from '../../src/protocol/metering.ts'

describe('a cost', () => {
  test.each([
    [0n, '0'],
    [1n, '0.000000000001'],
    [1_000_000_000_000n, '1'],
    [10_000_000_000_000n, '10'],
    [123_400_000_000n, '0.1234'],
    [9_007_199_254_740_993n, '9007.199254740993'],
  ])('of %d × 10⁻¹² dollars is shown as %s', (pico, dollars) => {
    expect(dollarsOf(pico)).toBe(dollars)
  })

  test('is the same when it is written with twelve decimals and read again', async () => {
    await assert(
      property(bigInt({ min: 0n, max: 10n ** 20n }), pico => {
        const [whole = '', rest = ''] = dollarsOf(pico).split('.')
        return picoOf(`${whole}.${rest.padEnd(12, '0')}`) === pico
      }),
    )
  })
})
