import { Database } from 'bun:sqlite'
import { afterEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { userOwnerOf } from '../../../src/protocol/principal.ts'
import { account, by } from '../../kit/account.ts'
import { clockAt } from '../../kit/clock.ts'
import { freshDirectory } from '../../kit/directory.ts'
import { entry } from '../../kit/entries.ts'
import { type Kit, startGateway } from '../../kit/gateway.ts'
import { eventually } from '../../kit/stage.ts'

const running: Kit[] = []
afterEach(async () => {
  for (const kit of running.splice(0)) await kit.stop()
})

const HOUR = 3_600_000

async function start({ path = join(freshDirectory(), 'x.db'), clock = clockAt() } = {}) {
  const kit = await startGateway({ upstream: 'http://127.0.0.1:1', path, now: clock.now, rpm: 6000, concurrent: 4 })
  running.push(kit)
  /** Rows of every table that has any of a user's. */
  const left = (user: string) => {
    const file = new Database(path, { readonly: true })
    const count = (table: string, column: string, value: string) =>
      file
        .query(`SELECT count(*) AS n FROM ${table} WHERE ${column} = ?`)
        .all(value)
        .map(row => Object(row).n)[0]
    const rows: Record<string, number> = {}
    for (const table of ['sessions', 'api_keys', 'user_settings']) rows[table] = count(table, 'user_id', user)
    for (const table of ['ledger', 'usage_hours', 'limits', 'slots'])
      rows[table] = count(table, 'owner', userOwnerOf(user))
    rows['users'] = count('users', 'id', user)
    file.close()
    return Object.fromEntries(Object.entries(rows).filter(([, n]) => n > 0))
  }
  return { kit, path, clock, left }
}

async function busy(kit: Kit, email: string, requests: number) {
  const ada = await account(kit, email)
  const { key } = await ada.told<{ key: string }>('POST', '/users/me/keys', { name: 'x' })
  await ada.ask('PATCH', '/users/me/settings', { system_prompt: 'x' })
  for (let i = 0; i < requests; i++)
    kit.ledger.enter(entry({ owner: userOwnerOf(ada.user), at: 1_767_225_600_000 + i }))
  await kit.ledger.flush()
  return { ada, program: by(kit, `Bearer ${key}`) }
}

describe('a user who is deleted', () => {
  test('is asked for their address or id first', async () => {
    const { kit } = await start()
    const ada = await account(kit, 'Ada@example.com')
    for (const confirm of ['', 'eve@example.com', crypto.randomUUID()])
      expect((await ada.ask('DELETE', '/users/me', { confirm })).status).toBe(400)
    expect((await ada.ask('DELETE', '/users/me')).status).toBe(400)
    expect((await ada.ask('DELETE', '/users/me', { confirm: 'ADA@example.com' })).status).toBe(204)
    const eve = await account(kit, 'eve@example.com')
    expect((await eve.ask('DELETE', '/users/me', { confirm: eve.user })).status).toBe(204)
  })

  test('has no session and no key from that moment on, and leaves nothing but a nameless row, for an hour', async () => {
    const { kit, clock, left } = await start()
    const { ada, program } = await busy(kit, 'ada@example.com', 1200)
    const { ada: eve } = await busy(kit, 'eve@example.com', 3)
    expect((await program.ask('GET', '/usage')).status).toBe(200)
    const others = left(eve.user)
    expect((await ada.ask('DELETE', '/users/me', { confirm: ada.user })).status).toBe(204)
    expect(await ada.told('GET', '/users/me')).toMatchObject({ error: { code: 'session_not_found' } })
    expect(await program.told('GET', '/usage')).toMatchObject({ error: { code: 'key_not_found' } })
    await eventually(() => Object.keys(left(ada.user)).join() === 'users')
    clock.pass(HOUR + 1)
    await kit.sweep()
    expect(left(ada.user)).toEqual({})
    expect(left(eve.user)).toMatchObject({ ledger: others['ledger'], api_keys: 1, user_settings: 1, users: 1 })
  })

  test('may sign in at once, as somebody new', async () => {
    const { kit } = await start()
    const old = await account(kit)
    await old.ask('PATCH', '/users/me/settings', { appearance: 'Dark' })
    await old.ask('DELETE', '/users/me', { confirm: old.user })
    const anew = await account(kit)
    expect(anew.user).not.toBe(old.user)
    expect(await anew.told('GET', '/users/me/settings')).toMatchObject({ settings: { appearance: 'System' } })
    await anew.ask('DELETE', '/users/me', { confirm: anew.user })
    expect((await account(kit)).user).not.toBe(anew.user)
  })

  test('takes along what was booked of requests that ended later', async () => {
    const { kit, clock, left } = await start()
    const ada = await account(kit)
    await ada.ask('DELETE', '/users/me', { confirm: ada.user })
    await eventually(() => Object.keys(left(ada.user)).join() === 'users')
    kit.ledger.enter(entry({ owner: userOwnerOf(ada.user) }))
    await kit.ledger.flush()
    clock.pass(HOUR + 1)
    await kit.sweep()
    expect(left(ada.user)).toEqual({})
  })

  test('is deleted to the end by another process, where the first one died in the middle', async () => {
    const { kit, path, clock, left } = await start()
    const { ada } = await busy(kit, 'ada@example.com', 700)
    // As a process leaves it that is killed behind its first transaction.
    const file = new Database(path)
    file.run('UPDATE users SET deleted_at = ? WHERE id = ?', [clock.now(), ada.user])
    file.close()
    const second = await start({ path, clock })
    expect(await by(second.kit, ada.headers.authorization).told('GET', '/users/me')).toMatchObject({
      error: { code: 'session_not_found' },
    })
    await second.kit.sweep()
    expect(left(ada.user)).toEqual({ users: 1 })
  })

  test('is dead within five seconds in other processes', async () => {
    const { kit, path, clock } = await start()
    const second = await start({ path, clock })
    const ada = await account(kit)
    const elsewhere = by(second.kit, ada.headers.authorization)
    expect((await elsewhere.ask('GET', '/usage')).status).toBe(200)
    await ada.ask('DELETE', '/users/me', { confirm: ada.user })
    expect(await elsewhere.told('GET', '/users/me')).toMatchObject({ error: { code: 'session_not_found' } })
    clock.pass(5000)
    expect((await elsewhere.ask('GET', '/usage')).status).toBe(401)
  })
})
