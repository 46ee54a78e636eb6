import { expect, test } from 'bun:test'
import { byteRangeOf } from '../../src/protocol/byte-range.ts'

test.each([
  ['bytes=0-0', 0, 0],
  ['bytes=2-5', 2, 5],
  ['bytes=9-', 9, 9],
  ['bytes=5-99', 5, 9],
  ['BYTES= 1-2 ', 1, 2],
  ['bytes=-3', 7, 9],
  ['bytes=-99', 0, 9],
  [`bytes=0-${'9'.repeat(400)}`, 0, 9],
])('%s of ten bytes', (header, first, last) => {
  expect(byteRangeOf(header, 10)).toEqual({ first, last })
})

test.each(['bytes=10-', 'bytes=10-20', 'bytes=-0', `bytes=${'9'.repeat(400)}-`])('%s is none of ten bytes', header => {
  expect(byteRangeOf(header, 10)).toBe('unsatisfiable')
})

test('nothing is a part of nothing', () => {
  expect(byteRangeOf('bytes=0-', 0)).toBe('unsatisfiable')
  expect(byteRangeOf('bytes=-1', 0)).toBe('unsatisfiable')
})

test.each([
  '',
  'bytes',
  'bytes=',
  'bytes=-',
  'bytes=5-2',
  'bytes=0-1,3-4',
  'lines=0-1',
  'bytes=a-b',
  'bytes=1 -2',
  'bytes=-1-2',
])('the whole is sent for "%s"', header => {
  expect(byteRangeOf(header, 10)).toBeUndefined()
})
