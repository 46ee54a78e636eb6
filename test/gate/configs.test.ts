import { describe, expect, test } from 'bun:test'
import { audit } from '../../src/gate/audit.ts'
import { configs } from '../../src/gate/configs.ts'
import { engines } from '../kit/engines.ts'
import { population } from '../kit/population.ts'

describe.each(engines)('on $name', ({ fresh }) => {
  const people = population(fresh)

  /** Two processes on one database, and all that was entered there. */
  function setUp() {
    const { clock, one, other } = people({ processes: 2 })
    const entries = async () => (await audit(one.deps).list({ limit: 100, offset: 0 })).entries
    return { clock, here: configs(one.deps), there: configs(other.deps), entries }
  }

  test('what is set is told at once here and five seconds later in another process, and entered', async () => {
    const { clock, here, there, entries } = setUp()
    await here.change({ default_model: null }, 'u_1')
    expect([await here.current(), await there.current()]).toEqual([{}, {}])
    await here.change({ default_model: 'one' }, 'u_1')
    expect([await here.current(), await there.current()]).toEqual([{ default_model: 'one' }, {}])
    clock.pass(5000)
    expect(await there.current()).toEqual({ default_model: 'one' })
    await here.change({ default_model: 'two' }, 'u_1')
    expect(await here.current()).toEqual({ default_model: 'two' })
    clock.pass(1)
    await here.change({ default_model: null }, 'u_2')
    expect(await here.current()).toEqual({})
    expect((await entries()).slice(0, 2)).toMatchObject([
      { admin: 'u_2', action: 'configs.change', about: null, details: { default_model: null } },
      { admin: 'u_1', action: 'configs.change', about: null, details: { default_model: 'two' } },
    ])
  })

  test('where nothing is given nothing changes, and nothing is entered', async () => {
    const { here, entries } = setUp()
    await here.change({ default_model: 'one' }, 'u_1')
    const before = await entries()
    await here.change({ default_model: undefined }, 'u_1')
    expect([await here.current(), await entries()]).toEqual([{ default_model: 'one' }, before])
  })

  test('a change that cannot be entered is not made', async () => {
    const { here, entries } = setUp()
    await here.change({ default_model: 'one' }, 'u_1')
    const before = await entries()
    await expect(here.change({ default_model: 'two' }, null as never)).rejects.toThrow('database')
    expect([await here.current(), await entries()]).toEqual([{ default_model: 'one' }, before])
  })
})
