import { afterEach, beforeAll, describe, expect, test } from 'bun:test'
import type { Identity } from '../../../src/features/auth/provider.ts'
import { userOwnerOf } from '../../../src/protocol/principal.ts'
import { account, by } from '../../kit/account.ts'
import { clockAt } from '../../kit/clock.ts'
import { type Engine, engines } from '../../kit/engines.ts'
import { entry } from '../../kit/entries.ts'
import { type Kit, startGateway } from '../../kit/gateway.ts'
import { identity } from '../../kit/identity.ts'
import { eventually } from '../../kit/stage.ts'

const running: Kit[] = []
afterEach(async () => {
  for (const kit of running.splice(0)) await kit.stop()
})

const HOUR = 3_600_000

async function start(url: string, { run }: Engine, clock = clockAt()) {
  const options = { upstream: 'http://127.0.0.1:1', now: clock.now, rpm: 6000, concurrent: 4 }
  const kit = await startGateway({ ...options, database: url })
  running.push(kit)
  const count = (table: string, column: string, value: string) =>
    `SELECT '${table}' AS name, count(*) AS n FROM ${table} WHERE ${column} = '${value}'`
  /** Rows of every table that has any of a user's. */
  const left = async (user: string) => {
    const counts = [
      ...['sessions', 'api_keys', 'user_settings', 'linked_accounts'].map(table => count(table, 'user_id', user)),
      ...['ledger', 'usage_hours', 'usage_days', 'limits', 'slots', 'activity', 'files', 'bans'].map(table =>
        count(table, 'owner', userOwnerOf(user)),
      ),
      count('receipts', 'substr(id, 1, 34)', userOwnerOf(user)),
      count('users', 'id', user),
    ]
    const rows = await run(url, counts.join(' UNION ALL '))
    return Object.fromEntries(rows.filter(({ n }) => Number(n) > 0).map(({ name, n }) => [name, n]))
  }
  return { kit, clock, left }
}

async function busy(kit: Kit, who: string | Identity, requests: number) {
  const ada = await account(kit, who)
  const { key } = await ada.told<{ key: string }>('POST', '/users/me/keys', { name: 'x' })
  await ada.ask('PATCH', '/users/me/settings', { system_prompt: 'x' })
  const owner = userOwnerOf(ada.user)
  const receipt = (of: string) => ({ id: `${owner} ${of}`, owner, seal: () => '' })
  for (let i = 0; i < requests; i++) {
    // Some without a receipt, as where none are made.
    const booked = entry({ owner, at: 1_767_225_600_000 + i })
    kit.ledger.enter(booked, i % 3 > 0 ? receipt(`${i}`) : undefined)
    if (i % 3 === 0) kit.ledger.enter(undefined, receipt(`${i} refused`))
  }
  await kit.ledger.flush()
  return { ada, program: by(kit, `Bearer ${key}`) }
}

describe.each(engines)('on $name', engine => {
  let url: string
  beforeAll(async () => {
    url = await engine.fresh()
  })

  describe('a user who is deleted', () => {
    test('is asked for their address or id first', async () => {
      const { kit } = await start(url, engine)
      const ada = await account(kit, 'Ada@example.com')
      for (const confirm of ['', 'eve@example.com', crypto.randomUUID()])
        expect((await ada.ask('DELETE', '/users/me', { confirm })).status).toBe(400)
      expect((await ada.ask('DELETE', '/users/me')).status).toBe(400)
      expect((await ada.ask('DELETE', '/users/me', { confirm: 'ADA@example.com' })).status).toBe(204)
      const eve = await account(kit, 'eve@example.com')
      expect((await eve.ask('DELETE', '/users/me', { confirm: eve.user })).status).toBe(204)
    })

    test('has no session and no key from that moment on, and leaves nothing but a nameless row, for an hour', async () => {
      const { kit, clock, left } = await start(url, engine)
      const { ada, program } = await busy(kit, identity(), 1200)
      const { ada: eve } = await busy(kit, identity(), 3)
      expect((await program.ask('GET', '/usage')).status).toBe(200)
      const others = await left(eve.user)
      expect((await ada.ask('DELETE', '/users/me', { confirm: ada.user })).status).toBe(204)
      expect(await ada.told('GET', '/users/me')).toMatchObject({ error: { code: 'session_not_found' } })
      expect(await program.told('GET', '/usage')).toMatchObject({ error: { code: 'key_not_found' } })
      await eventually(async () => Object.keys(await left(ada.user)).join() === 'users')
      clock.pass(HOUR + 1)
      await kit.sweep()
      expect(await left(ada.user)).toEqual({})
      expect(await left(eve.user)).toMatchObject({
        ledger: others['ledger'],
        receipts: others['receipts'],
        activity: 1,
        linked_accounts: 1,
        users: 1,
      })
    })

    test('may sign in at once, as somebody new', async () => {
      const { kit } = await start(url, engine)
      const old = await account(kit)
      await old.ask('PATCH', '/users/me/settings', { appearance: 'Dark' })
      await old.ask('DELETE', '/users/me', { confirm: old.user })
      const anew = await account(kit)
      expect(anew.user).not.toBe(old.user)
      expect(await anew.told('GET', '/users/me/settings')).toMatchObject({ settings: { appearance: 'System' } })
      await anew.ask('DELETE', '/users/me', { confirm: anew.user })
      expect((await account(kit)).user).not.toBe(anew.user)
    })

    test('may sign in at once by the same account, as somebody new, whether the address is proven or not', async () => {
      const { kit } = await start(url, engine)
      for (const isProven of [true, false]) {
        const who = identity({ isProven })
        const old = await account(kit, who)
        await old.ask('DELETE', '/users/me', { confirm: old.user })
        const anew = await account(kit, who)
        expect(anew.user).not.toBe(old.user)
        expect((await account(kit, who)).user).toBe(anew.user)
        expect(await anew.told('GET', '/users/me')).toMatchObject({ user: { email: who.email } })
      }
    })

    test('without an address is asked for the id alone', async () => {
      const { kit } = await start(url, engine)
      const ada = await account(kit, identity({ email: null, isProven: false }))
      for (const confirm of ['', 'null', 'ada@example.com']) {
        const refused = await ada.told('DELETE', '/users/me', { confirm })
        expect(refused).toMatchObject({ error: { message: 'Invalid body: "confirm" must be your id.' } })
      }
      expect((await ada.ask('DELETE', '/users/me', { confirm: ada.user })).status).toBe(204)
    })

    test('stays banned for that hour, and no longer', async () => {
      const { kit, clock, left } = await start(url, engine)
      const [ada, eve] = [await account(kit, identity()), await account(kit, identity())]
      for (const { user } of [ada, eve])
        await engine.run(url, `INSERT INTO bans VALUES ('${userOwnerOf(user)}', 'sealed', 'u_1', 1, NULL)`)
      await ada.ask('DELETE', '/users/me', { confirm: ada.user })
      await kit.sweep()
      expect(await left(ada.user)).toEqual({ users: 1, bans: 1 })
      clock.pass(HOUR + 1)
      await kit.sweep()
      expect(await left(ada.user)).toEqual({})
      expect(await left(eve.user)).toMatchObject({ users: 1, bans: 1 })
    })

    test('takes along what was booked of requests that ended later', async () => {
      const { kit, clock, left } = await start(url, engine)
      const ada = await account(kit)
      await ada.ask('DELETE', '/users/me', { confirm: ada.user })
      await eventually(async () => Object.keys(await left(ada.user)).join() === 'users')
      kit.ledger.enter(entry({ owner: userOwnerOf(ada.user) }))
      await kit.ledger.flush()
      clock.pass(HOUR + 1)
      await kit.sweep()
      expect(await left(ada.user)).toEqual({})
    })

    test('is deleted to the end by another process, where the first one died in the middle', async () => {
      const { kit, clock, left } = await start(url, engine)
      const { ada } = await busy(kit, 'grace@example.com', 700)
      // As a process leaves it that is killed behind its first transaction.
      await engine.run(url, `UPDATE users SET deleted_at = ${clock.now()} WHERE id = '${ada.user}'`)
      const second = await start(url, engine, clock)
      expect(await by(second.kit, ada.headers.authorization).told('GET', '/users/me')).toMatchObject({
        error: { code: 'session_not_found' },
      })
      await second.kit.sweep()
      expect(await left(ada.user)).toEqual({ users: 1 })
    })

    test('is dead within five seconds in other processes', async () => {
      const { kit, clock } = await start(url, engine)
      const second = await start(url, engine, clock)
      const ada = await account(kit)
      const elsewhere = by(second.kit, ada.headers.authorization)
      expect((await elsewhere.ask('GET', '/usage')).status).toBe(200)
      await ada.ask('DELETE', '/users/me', { confirm: ada.user })
      expect(await elsewhere.told('GET', '/users/me')).toMatchObject({ error: { code: 'session_not_found' } })
      clock.pass(5000)
      expect((await elsewhere.ask('GET', '/usage')).status).toBe(401)
    })
  })
})
