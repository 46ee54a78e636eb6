import { describe, expect, test } from 'bun:test'
import { audit } from '../../src/gate/audit.ts'
import { type Bans, bans } from '../../src/gate/bans.ts'
import { Exchange } from '../../src/protocol/exchange.ts'
import { requestIdFrom } from '../../src/protocol/ids.ts'
import { Problem } from '../../src/protocol/problem.ts'
import { engines } from '../kit/engines.ts'
import { population } from '../kit/population.ts'

const ADMIN = `u_${'a'.repeat(32)}`

/** An exchange of an owner's, and what it was cut by. */
function exchangeOf(owner: string) {
  const exchange = new Exchange(requestIdFrom(null), 0)
  exchange.principal = { kind: 'jwt', owner, scopes: new Set(), client: undefined }
  const cuts: Problem[] = []
  exchange.cut = reason => cuts.push(reason)
  return { exchange, cuts }
}

/** What an owner is told who asks now; `in` where they are let in. */
async function asks(from: Bans, owner: string): Promise<string> {
  const { exchange } = exchangeOf(owner)
  try {
    await from.enter(exchange)
    return 'in'
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return error.code
  } finally {
    from.leave(exchange)
  }
}

describe.each(engines)('on $name', ({ fresh }) => {
  const people = population(fresh)

  /** Two processes on one database. */
  function banning() {
    const { clock, each, store } = people({ processes: 2 })
    const [here, there] = each.map(({ deps, asked }) => ({ ...bans({ ...deps, audit: audit(deps) }), deps, asked }))
    if (!here || !there) throw new TypeError('two were asked for')
    const owner = `j_${crypto.randomUUID().replaceAll('-', '')}`
    const ban = (until: number | null = null, reason = 'Shares it.') => here.ban({ owner, reason, by: ADMIN, until })
    return { clock, store, here, there, owner, ban }
  }

  test('a ban is in force at once here, within five seconds elsewhere, and until it is lifted', async () => {
    const { clock, here, there, owner, ban } = banning()
    expect([await asks(here, owner), await asks(there, owner)]).toEqual(['in', 'in'])
    await ban()
    expect(await asks(here, owner)).toBe('account_restricted')
    clock.pass(4999)
    expect(await asks(there, owner)).toBe('account_restricted')
    expect(await asks(there, `${owner.slice(0, -1)}g`)).toBe('in')
    expect([await here.lift(owner, ADMIN), await here.lift(owner, ADMIN)]).toEqual([true, false])
    expect(await asks(here, owner)).toBe('in')
    clock.pass(4999)
    expect(await asks(there, owner)).toBe('in')
  })

  test('what is under way is cut here by the ban itself, and elsewhere when bans are read, though nobody asks', async () => {
    const { here, there, owner, ban } = banning()
    const [near, far, other, over] = [owner, owner, `${owner}x`, owner].map(exchangeOf)
    if (!(near && far && other && over)) throw new TypeError('four were made')
    await here.enter(near.exchange)
    for (const { exchange } of [far, other, over]) await there.enter(exchange)
    there.leave(over.exchange)
    await ban()
    expect([near.cuts.length, far.cuts.length]).toEqual([1, 0])
    await there.heed()
    await there.heed()
    expect([near, far, other, over].map(({ cuts }) => cuts.map(({ code }) => code))).toEqual([
      ['account_restricted'],
      ['account_restricted'],
      [],
      [],
    ])
  })

  test('it ends by the clock, without a read, and says when', async () => {
    const { clock, here, owner, ban } = banning()
    const until = clock.now() + 1500
    await ban(until)
    await asks(here, owner)
    const before = here.asked()
    const refused = await Promise.try(() => here.enter(exchangeOf(owner).exchange)).catch(error => error)
    expect(refused.headers).toEqual({ 'retry-after': '2' })
    expect(refused.message).toContain(new Date(until).toISOString())
    clock.pass(1499)
    expect(await asks(here, owner)).toBe('account_restricted')
    clock.pass(1)
    expect(await asks(here, owner)).toBe('in')
    expect(here.asked()).toBe(before)
    expect([await here.find(owner), await here.lift(owner, ADMIN)]).toEqual([undefined, false])
  })

  test('another ban takes the place of the first', async () => {
    const { clock, here, owner, ban } = banning()
    await ban(null, 'for good')
    clock.pass(10)
    const until = clock.now() + 1000
    await ban(until, 'for a second')
    expect(await here.find(owner)).toEqual({ owner, reason: 'for a second', by: ADMIN, at: clock.now(), until })
    clock.pass(1000)
    expect(await asks(here, owner)).toBe('in')
  })

  test('a sweep takes those that have ended, and no other', async () => {
    const { clock, here, owner, ban } = banning()
    await ban(clock.now() + 1000)
    clock.pass(-1)
    await here.sweep()
    expect((await here.find(owner))?.owner).toBe(owner)
    clock.pass(1001)
    await here.sweep()
    clock.pass(-1001)
    expect(await here.find(owner)).toBeUndefined()
  })

  test('each change stands in the list of changes, with its reason', async () => {
    const { clock, here, owner, ban } = banning()
    const { list } = audit(here.deps)
    const until = clock.now() + 60_000
    await ban(until)
    clock.pass(1)
    await here.lift(owner, ADMIN)
    const { entries } = await list({ limit: 100, offset: 0 })
    const about = { admin: ADMIN, about: owner }
    expect(entries.filter(entry => entry.about === owner)).toMatchObject([
      { ...about, action: 'owners.unban', details: null },
      { ...about, action: 'owners.ban', details: { reason: 'Shares it.', until: new Date(until).toISOString() } },
    ])
  })

  test('who asks again within four seconds is answered at once, and nobody is asked', async () => {
    const { clock, here, owner } = banning()
    await asks(here, owner)
    clock.pass(3999)
    const before = here.asked()
    expect(here.enter(exchangeOf(owner).exchange)).toBeUndefined()
    expect(here.asked()).toBe(before)
  })

  test('whoever waits for a reading that a ban overtook is refused', async () => {
    const { store, here, owner } = banning()
    const overtaken = Promise.withResolvers<void>()
    const ask: typeof store.ask = async statement => {
      const answer = await store.ask(statement)
      await overtaken.promise
      return answer
    }
    const slow = bans({ ...here.deps, audit: audit(here.deps), store: { ...store, ask } })
    const early = asks(slow, owner)
    // Else PostgreSQL may read after the ban, and this would tell nothing.
    await here.find(owner)
    await slow.ban({ owner, reason: 'Shares it.', by: ADMIN, until: null })
    overtaken.resolve()
    expect(await early).toBe('account_restricted')
  })

  test('without the database what was read is believed for four seconds, and then nobody is let in', async () => {
    const { clock, store, here, owner, ban } = banning()
    await ban()
    let isAway = false
    const away = new Problem('database_unavailable', 'away')
    const ask: typeof store.ask = statement => (isAway ? Promise.reject(away) : store.ask(statement))
    const lone = bans({ ...here.deps, audit: audit(here.deps), store: { ...store, ask } })
    const [banned, free] = [owner, `${owner}x`]
    await asks(lone, free)
    isAway = true
    clock.pass(3999)
    expect([await asks(lone, banned), await asks(lone, free)]).toEqual(['account_restricted', 'in'])
    clock.pass(1)
    expect([await asks(lone, banned), await asks(lone, free)]).toEqual(['database_unavailable', 'database_unavailable'])
    isAway = false
    expect([await asks(lone, banned), await asks(lone, free)]).toEqual(['account_restricted', 'in'])
  })
})
