import { expect, test } from 'bun:test'
import { atMost } from '../../src/upstream/at-most.ts'
import { outcome } from '../kit/problem.ts'

/** Acts that end when they are told to. */
function acts() {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const act = (name: string) => () => {
    begun.push(name)
    return new Promise<string>(resolve => ends.set(name, () => resolve(name)))
  }
  return { begun, act, end: (name: string) => ends.get(name)?.() }
}

test('so many are under way at once, and the others follow in the order of their coming', async () => {
  const { begun, act, end } = acts()
  const inTurn = atMost(2, 60_000)
  const all = ['a', 'b', 'c', 'd'].map(name => inTurn(act(name)))
  await Promise.resolve()
  expect(begun).toEqual(['a', 'b'])
  end('b')
  expect(await all[1]).toBe('b')
  await Promise.resolve()
  expect(begun).toEqual(['a', 'b', 'c'])
  end('a')
  await all[0]
  end('c')
  await all[2]
  end('d')
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd'])
})

test('an act that fails lets the next one in', async () => {
  const inTurn = atMost(1, 60_000)
  const failed = inTurn(() => Promise.reject(new Error('no')))
  const next = inTurn(async () => 'next')
  expect(await failed.catch(error => error.message)).toBe('no')
  expect(await next).toBe('next')
})

test('whoever waits for too long is told so, and takes nobody’s turn', async () => {
  const { begun, act, end } = acts()
  const inTurn = atMost(1, 1)
  const first = inTurn(act('a'))
  expect(await outcome(() => inTurn(act('late')))).toBe('overloaded')
  end('a')
  await first
  const third = inTurn(act('c'))
  await Promise.resolve()
  end('c')
  expect(await third).toBe('c')
  expect(begun).toEqual(['a', 'c'])
})
