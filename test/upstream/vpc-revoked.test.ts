import { describe, expect, test } from 'bun:test'
import { audit } from '../../src/gate/audit.ts'
import type { Store } from '../../src/store/store.ts'
import { engines } from '../kit/engines.ts'
import { fifty, LOGIN, loggingIn } from '../kit/logging-in.ts'

describe.each(engines)('on $name, a key of a login that is taken back', ({ fresh }) => {
  const { setUp, store, fields } = loggingIn(fresh)
  const entry = () =>
    audit({ store: store(), fields: fields(), now: Date.now }).entered({
      ...{ admin: 'u_1', action: 'vpc.revoke', about: null, details: null },
    })

  test('is out of use at once here, and four seconds later in other processes; all take the next', async () => {
    const { process, clock, opens, logins } = await setUp()
    const [one, other] = [process(), process()]
    const old = await one.current()
    expect(await other.current()).toBe(old)
    await one.revoke?.(entry())
    const [key = '', ...others] = new Set(await fifty(one.current))
    expect([key === old, others, await opens(key), logins()]).toEqual([false, [], 200, 2])
    clock.pass(3999)
    expect(other.current()).toBe(old)
    clock.pass(1)
    expect([await other.current(), logins()]).toEqual([key, 2])
  })

  test('is replaced by whichever process comes first, though nobody asked where it was taken back', async () => {
    const { process, clock, logins } = await setUp()
    const [one, other] = [process(), process()]
    const old = await one.current()
    await other.current()
    await one.revoke?.(entry())
    clock.pass(4000)
    const key = await other.current()
    expect([key === old, await one.current(), logins()]).toEqual([false, key, 2])
  })

  test('is not given any more where there is no other', async () => {
    const { process, cloud, clock, opens } = await setUp()
    const [one, other] = [process(), process()]
    await one.current()
    await other.current()
    await one.revoke?.(entry())
    clock.pass(4000)
    cloud.next({ on: LOGIN, status: 500, times: 2 })
    for (const { current } of [one, other]) await expect(Promise.resolve(current())).rejects.toThrow()
    expect(await opens(await other.current())).toBe(200)
  })

  test('stays where that cannot be entered', async () => {
    const { process, logins } = await setUp()
    const { current, revoke } = process()
    const old = await current()
    const { statement, values } = entry()
    await expect(Promise.resolve(revoke?.({ statement, values: { ...values, admin: null } }))).rejects.toThrow()
    expect([await current(), logins()]).toEqual([old, 1])
  })

  test('is not held by a look that read it just before', async () => {
    const { process, clock, logins } = await setUp()
    const read = Promise.withResolvers<void>()
    const slow = Promise.withResolvers<void>()
    let isSlow = false
    const ask: Store['ask'] = async act => {
      const rows = await store().ask(act)
      if (isSlow) {
        read.resolve()
        await slow.promise
      }
      return rows
    }
    const { current, revoke } = process({ store: { ...store(), ask } })
    const old = await current()
    clock.pass(4000)
    isSlow = true
    const early = current()
    await read.promise
    isSlow = false
    await revoke?.(entry())
    slow.resolve()
    const key = await early
    expect([key === old, await current(), logins()]).toEqual([false, key, 2])
  })

  test('is not one that a database does not tell of, or never had', async () => {
    const { process, clock, logins } = await setUp()
    let isAway = false
    const away = () => Promise.reject(new Error('away'))
    const ask: Store['ask'] = act => (isAway ? away() : store().ask(act))
    const { current } = process({ store: { ...store(), ask } })
    const key = await current()
    isAway = true
    clock.pass(4000)
    expect([await current(), logins()]).toEqual([key, 1])
    const unstored = process({ clientId: crypto.randomUUID(), store: { ...store(), ask } })
    const own = await unstored.current()
    isAway = false
    clock.pass(4000)
    expect([await unstored.current(), logins()]).toEqual([own, 2])
  })
})
