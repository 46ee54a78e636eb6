import { expect, test } from 'bun:test'
import { recent } from '../../src/upstream/recent.ts'
import { clockAt } from '../kit/clock.ts'

function counted(most = 2) {
  const clock = clockAt()
  const loads: string[] = []
  const get = recent<string>({ now: clock.now, most })
  const ask = (key: string, keptMs = 100) =>
    get(key, keptMs, async () => {
      loads.push(key)
      return `${key}${loads.length}`
    })
  return { clock, loads, get, ask }
}

test('many who ask for one thing at once are given one', async () => {
  const { loads, ask } = counted()
  expect(await Promise.all([ask('a', 0), ask('a', 0), ask('b', 0)])).toEqual(['a1', 'a1', 'b2'])
  expect(await ask('a', 0)).toBe('a3')
  expect(loads).toEqual(['a', 'b', 'a'])
})

test('what is kept is kept for so long, and for no longer when the clock steps back', async () => {
  const { clock, ask } = counted()
  expect(await ask('a')).toBe('a1')
  clock.pass(99)
  expect(await ask('a')).toBe('a1')
  clock.pass(1)
  expect(await ask('a')).toBe('a2')
  clock.pass(-1)
  expect(await ask('a')).toBe('a3')
})

test('the oldest makes room', async () => {
  const { loads, ask } = counted()
  for (const key of ['a', 'b', 'c', 'b', 'c', 'a']) await ask(key)
  expect(loads).toEqual(['a', 'b', 'c', 'a'])
})

test('a failure is everybody’s who asked, and is not kept', async () => {
  const { get, ask } = counted()
  const failing = () => get('a', 100, () => Promise.reject(new Error('no')))
  const told = await Promise.allSettled([failing(), ask('a')])
  expect(told.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(await ask('a')).toBe('a1')
})
