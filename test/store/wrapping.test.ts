import { expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { fields } from '../../src/store/fields.ts'
import { wrapping } from '../../src/store/wrapping.ts'

const root = Uint8Array.from({ length: 32 }, (_, at) => at)
const key = new Uint8Array(32).fill(7)
const { wrap, unwrap } = wrapping(root)

test('a wrapped key is unwrapped by the same root for the same role, and by nothing else', () => {
  const wrapped = wrap('identity', key)
  expect(unwrap('identity', wrapped)).toEqual(key)
  expect(unwrap('cache', wrapped)).toBeUndefined()
  expect(unwrap('identity', `${wrapped}A`)).toBeUndefined()
  expect(wrapping(key).unwrap('identity', wrapped)).toBeUndefined()
})

test('the key that wraps is HKDF-SHA256 of the root for that alone', () => {
  const extracted = createHmac('sha256', new Uint8Array(32)).update(root).digest()
  const byHand = createHmac('sha256', extracted).update('sealgate wrap v1').update(Uint8Array.of(1)).digest()
  const place = { table: 'wrapped_keys', column: 'value', row: 'identity' }
  expect(fields(byHand).open(place, wrap('identity', key))).toBe('07'.repeat(32))
})
