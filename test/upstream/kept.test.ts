import { describe, expect, test } from 'bun:test'
import { kept } from '../../src/upstream/kept.ts'

/** A clock and a source under the test's hand. */
function setUp() {
  let time = 1_000_000
  const loads: PromiseWithResolvers<string>[] = []
  const value = kept({
    now: () => time,
    keptMs: 5000,
    load: () => {
      const load = Promise.withResolvers<string>()
      loads.push(load)
      return load.promise
    },
  })
  const fill = async (it: string) => {
    const got = value.get()
    loads.at(-1)?.resolve(it)
    expect(await got).toBe(it)
  }
  return { value, loads, fill, pass: (ms: number) => (time += ms) }
}

describe('a kept value', () => {
  test('is loaded once for fifty who ask at once', async () => {
    const { value, loads } = setUp()
    const asked = Array.from({ length: 50 }, () => value.get())
    loads[0]?.resolve('a')
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['a']))
    expect(loads.length).toBe(1)
  })

  test('is good for its time, counted from its arrival, and not a millisecond more', async () => {
    const { value, loads, fill, pass } = setUp()
    await fill('a')
    pass(4999)
    expect(await value.get()).toBe('a')
    pass(1)
    await fill('b')
    expect(loads.length).toBe(2)
  })

  test('is not good for longer because the clock stepped back', async () => {
    const { loads, fill, pass } = setUp()
    await fill('a')
    pass(-3_600_000)
    await fill('b')
    expect(loads.length).toBe(2)
  })

  test('is loaded again after a failure, which all who waited are told', async () => {
    const { value, loads, fill } = setUp()
    const asked = [value.get(), value.get()].map(got => got.catch(error => error.message))
    loads[0]?.reject(new Error('down'))
    expect(await Promise.all(asked)).toEqual(['down', 'down'])
    await fill('b')
    expect(loads.length).toBe(2)
  })

  test('is loaded again after a failure of something that throws at once', async () => {
    let calls = 0
    const value = kept({
      now: () => 0,
      keptMs: 5000,
      load: () => {
        if (calls++ === 0) throw new Error('down')
        return Promise.resolve('b')
      },
    })
    expect(await value.get().catch(error => error.message)).toBe('down')
    expect(await value.get()).toBe('b')
  })
})

describe('a dropped value', () => {
  test('is loaded anew', async () => {
    const { value, loads, fill } = setUp()
    await fill('a')
    value.drop()
    await fill('b')
    expect(loads.length).toBe(2)
  })

  test('is dropped at most once a second', async () => {
    const { value, loads, fill, pass } = setUp()
    await fill('a')
    value.drop()
    await fill('b')
    pass(999)
    value.drop()
    expect(await value.get()).toBe('b')
    pass(1)
    value.drop()
    await fill('c')
    expect(loads.length).toBe(3)
  })

  test('is dropped although the clock stepped back', async () => {
    const { value, fill, pass } = setUp()
    await fill('a')
    value.drop()
    pass(-3_600_000)
    await fill('b')
    value.drop()
    await fill('c')
  })

  test('is not kept if its load began before the drop, but goes to those who asked then', async () => {
    const { value, loads } = setUp()
    const early = value.get()
    value.drop()
    const late = value.get()
    expect(loads.length).toBe(2)
    loads[1]?.resolve('new')
    expect(await late).toBe('new')
    loads[0]?.resolve('old')
    expect(await early).toBe('old')
    expect(await value.get()).toBe('new')
    expect(loads.length).toBe(2)
  })

  test('is not kept if its load began before the drop and ended before the next', async () => {
    const { value, loads, fill } = setUp()
    const early = value.get()
    value.drop()
    loads[0]?.resolve('old')
    expect(await early).toBe('old')
    await fill('new')
  })

  test('whose load fails after the drop harms nobody who asked after it', async () => {
    const { value, loads } = setUp()
    const early = value.get().catch(error => error.message)
    value.drop()
    const late = value.get()
    loads[0]?.reject(new Error('down'))
    expect(await early).toBe('down')
    loads[1]?.resolve('new')
    expect(await late).toBe('new')
    expect(await value.get()).toBe('new')
    expect(loads.length).toBe(2)
  })
})
