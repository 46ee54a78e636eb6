import { expect, test } from 'bun:test'
import { memory } from '../../src/gate/memory.ts'
import { clockAt } from '../kit/clock.ts'

test('a memory holds until the time it was told, and not at it', () => {
  const clock = clockAt()
  const held = memory<string>(clock.now)
  held.set('a', 'x', clock.now() + 5000)
  clock.pass(4999)
  expect(held.get('a')).toBe('x')
  clock.pass(1)
  expect(held.get('a')).toBeUndefined()
})

test('a memory does not outlive a clock that steps back', () => {
  const clock = clockAt()
  const held = memory<string>(clock.now)
  held.set('a', 'x', clock.now() + 5000)
  clock.pass(-1)
  expect(held.get('a')).toBeUndefined()
})

test('a memory forgets what is meant, and tells that it forgot', () => {
  const held = memory<string>(clockAt().now)
  for (const name of ['a', 'b']) held.set(name, name, Number.POSITIVE_INFINITY)
  const { generation } = held
  held.forget(value => value === 'a')
  expect([held.get('a'), held.get('b')]).toEqual([undefined, 'b'])
  expect(held.generation).not.toBe(generation)
  held.forget()
  expect(held.get('b')).toBeUndefined()
})

test('a memory of ten thousand makes room by its oldest', () => {
  const held = memory<number>(clockAt().now)
  for (let i = 0; i <= 10_000; i++) held.set(String(i), i, Number.POSITIVE_INFINITY)
  expect([held.get('0'), held.get('1'), held.get('10000')]).toEqual([undefined, 1, 10_000])
})
