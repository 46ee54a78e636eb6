import { describe, expect, test } from 'bun:test'
import { rules } from '../../src/gate/rules.ts'
import { engines } from '../kit/engines.ts'
import { population } from '../kit/population.ts'

describe.each(engines)('on $name', ({ fresh }) => {
  const people = population(fresh)

  /** Two processes on one database. */
  function ruling() {
    const { clock, each } = people({ processes: 2 })
    const [here, there] = each.map(({ deps, asked }) => ({ ...rules(deps), asked }))
    if (!here || !there) throw new TypeError('two were asked for')
    return { clock, here, there, id: `Model/${crypto.randomUUID()}` }
  }
  const find = async (from: ReturnType<typeof rules>, id: string) =>
    (await from.list()).find(model => model.id.toLowerCase() === id.toLowerCase())

  test('what is left out stays, and null takes it back, whatever letters the id is written in', async () => {
    const { here, id } = ruling()
    await here.change([{ id, prompt: 'Be brief.' }])
    expect(await find(here, id)).toEqual({ id, public: true, prompt: 'Be brief.' })
    await here.change([{ id: id.toUpperCase(), public: false }])
    expect(await find(here, id)).toEqual({ id: id.toUpperCase(), public: false, prompt: 'Be brief.' })
    await here.change([{ id, public: null, prompt: null }])
    expect(await find(here, id)).toEqual({ id, public: true, prompt: null })
    await here.change([{ id, prompt: '' }])
    expect(await find(here, id)).toEqual({ id, public: true, prompt: null })
  })

  test('a change is in force at once here, and five seconds later in another process', async () => {
    const { clock, here, there, id } = ruling()
    const isPublic = async (from: typeof here) => (await from.current()).get(id.toLowerCase())?.public
    expect([await isPublic(here), await isPublic(there)]).toEqual([undefined, undefined])
    await here.change([{ id, public: false }])
    expect([await isPublic(here), await isPublic(there)]).toEqual([false, undefined])
    await here.change([{ id, public: true }])
    expect(await isPublic(here)).toBe(true)
    clock.pass(5000)
    expect(await isPublic(there)).toBe(true)
    expect(await here.forget(id.toUpperCase())).toBe(true)
    expect([await isPublic(here), await here.forget(id)]).toEqual([undefined, false])
  })

  test('what was read a moment ago is there at once, and asks nobody', async () => {
    const { here } = ruling()
    await here.current()
    const before = here.asked()
    expect(here.current()).toBeInstanceOf(Map)
    expect(here.asked()).toBe(before)
  })

  test('what a change overtook while it was read is not kept', async () => {
    const { here, id } = ruling()
    const early = Promise.resolve(here.current())
    await here.change([{ id, public: false }])
    await early
    expect((await here.current()).get(id.toLowerCase())?.public).toBe(false)
  })
})
