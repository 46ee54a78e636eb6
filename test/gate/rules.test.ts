import { describe, expect, test } from 'bun:test'
import { audit } from '../../src/gate/audit.ts'
import { rules } from '../../src/gate/rules.ts'
import { engines } from '../kit/engines.ts'
import { population } from '../kit/population.ts'

describe.each(engines)('on $name', ({ fresh, kept }) => {
  let url: string
  const people = population(async () => {
    url = await fresh()
    return url
  })

  /** Two processes on one database. */
  function ruling() {
    const { clock, one, other } = people({ processes: 2 })
    return {
      clock,
      deps: one.deps,
      here: rules(one.deps),
      there: rules(other.deps),
      id: `Model/${crypto.randomUUID()}`,
    }
  }
  const find = async (from: ReturnType<typeof rules>, id: string) =>
    (await from.list()).find(model => model.id.toLowerCase() === id.toLowerCase())

  test('what is left out stays, and null takes it back, whatever letters the id is written in', async () => {
    const { here, id } = ruling()
    await here.change([{ id, prompt: 'Be brief.' }], 'u_1')
    expect(await find(here, id)).toEqual({ id, public: true, prompt: 'Be brief.' })
    await here.change([{ id: id.toUpperCase(), public: false }], 'u_1')
    expect(await find(here, id)).toEqual({ id: id.toUpperCase(), public: false, prompt: 'Be brief.' })
    await here.change([{ id, public: null, prompt: null }], 'u_1')
    expect(await find(here, id)).toEqual({ id, public: true, prompt: null })
    await here.change([{ id, prompt: '' }], 'u_1')
    expect(await find(here, id)).toEqual({ id, public: true, prompt: null })
  })

  test('a change is in force at once here, and five seconds later in another process', async () => {
    const { clock, here, there, id } = ruling()
    const isPublic = async (from: typeof here) => (await from.current()).get(id.toLowerCase())?.public
    expect([await isPublic(here), await isPublic(there)]).toEqual([undefined, undefined])
    await here.change([{ id, public: false }], 'u_1')
    expect([await isPublic(here), await isPublic(there)]).toEqual([false, undefined])
    await here.change([{ id, public: true }], 'u_1')
    expect(await isPublic(here)).toBe(true)
    clock.pass(5000)
    expect(await isPublic(there)).toBe(true)
    expect(await here.forget(id.toUpperCase(), 'u_1')).toBe(true)
    expect([await isPublic(here), await here.forget(id, 'u_1')]).toEqual([undefined, false])
  })

  const entriesOf = async (from: ReturnType<typeof ruling>, about: string) =>
    (await audit(from.deps).list({ limit: 100, offset: 0 })).entries.filter(entry => entry.about === about)

  test('each change is entered with who made it, and of a prompt no more than that it was set or cleared', async () => {
    const from = ruling()
    const { clock, here, id } = from
    await here.change([{ id, public: false, prompt: 'marked words' }], 'u_1')
    clock.pass(1)
    await here.change([{ id: id.toUpperCase(), prompt: null }], 'u_2')
    clock.pass(1)
    await here.change([{ id, public: null, prompt: '' }], 'u_2')
    clock.pass(1)
    await here.forget(id, 'u_1')
    const [about, action] = [id.toLowerCase(), 'models.change']
    const entries = await entriesOf(from, about)
    expect(JSON.stringify(entries)).not.toContain('marked')
    expect(entries).toMatchObject([
      { at: clock.now(), admin: 'u_1', action: 'models.forget', details: null },
      { admin: 'u_2', action, details: { public: null, system_prompt: 'cleared' } },
      { admin: 'u_2', action, details: { system_prompt: 'cleared' } },
      { admin: 'u_1', action, details: { public: false, system_prompt: 'set' } },
    ])
    expect((await kept(url)).includes('marked words')).toBe(false)
  })

  test('what two processes forget at once is entered once, and what was not there not at all', async () => {
    const from = ruling()
    const { here, there, id } = from
    await here.change([{ id, public: false }], 'u_1')
    const told = await Promise.all(Array.from({ length: 10 }, (_, at) => (at % 2 ? here : there).forget(id, 'u_1')))
    expect(told).toContain(true)
    expect(await here.forget(id, 'u_1')).toBe(false)
    const forgotten = (await entriesOf(from, id.toLowerCase())).filter(({ action }) => action === 'models.forget')
    expect(forgotten).toHaveLength(1)
  })

  test('what cannot be entered is not done, and of several changes none is', async () => {
    const from = ruling()
    const { here, id } = from
    await here.change([{ id, public: false }], 'u_1')
    const before = await entriesOf(from, id.toLowerCase())
    const both = [
      { id, public: true },
      { id: `${id}-2`, public: true },
    ]
    await expect(here.change(both, null as never)).rejects.toThrow('database')
    await expect(here.forget(id, null as never)).rejects.toThrow('database')
    expect(await find(here, id)).toEqual({ id, public: false, prompt: null })
    expect([await find(here, `${id}-2`), await entriesOf(from, id.toLowerCase())]).toEqual([undefined, before])
  })
})
