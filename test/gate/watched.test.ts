import { expect, test } from 'bun:test'
import { watched } from '../../src/gate/watched.ts'
import { clockAt } from '../kit/clock.ts'

function setUp() {
  const clock = clockAt()
  const there = { value: 'old' as string | undefined, reads: 0, after: Promise.resolve() }
  const read = async () => {
    there.reads++
    const { value } = there
    await there.after
    if (value === undefined) throw new Error('away')
    return value
  }
  return { clock, there, ...watched({ read, now: clock.now }) }
}

test('what was read less than four seconds ago is there at once; then, or before the clock stepped back, it is read anew', async () => {
  const { clock, there, current } = setUp()
  expect(await current()).toBe('old')
  there.value = 'new'
  clock.pass(3999)
  expect([current(), there.reads]).toEqual(['old', 1])
  clock.pass(1)
  expect([await current(), there.reads]).toEqual(['new', 2])
  clock.pass(-1)
  await current()
  expect(there.reads).toBe(3)
})

test('fifty who ask at once share one reading', async () => {
  const { there, current } = setUp()
  expect(new Set(await Promise.all(Array.from({ length: 50 }, current)))).toEqual(new Set(['old']))
  expect(there.reads).toBe(1)
})

test('a change is seen by whoever asks after it, though one who asked before is still reading what was', async () => {
  const { there, current, changing } = setUp()
  const slow = Promise.withResolvers<void>()
  there.after = slow.promise
  const early = current()
  await changing(async () => {
    there.value = 'new'
  })
  const late = current()
  slow.resolve()
  expect([await early, await late, current(), there.reads]).toEqual(['old', 'new', 'new', 2])
})

test('after a change that failed all is read anew: nobody knows what became of it', async () => {
  const { there, current, changing } = setUp()
  await current()
  there.value = 'new'
  await expect(changing(() => Promise.reject(new Error('cut')))).rejects.toThrow('cut')
  expect(await current()).toBe('new')
})

test('a reading that fails is not kept', async () => {
  const { there, current } = setUp()
  there.value = undefined
  await expect(Promise.resolve(current())).rejects.toThrow('away')
  there.value = 'new'
  expect(await current()).toBe('new')
})
