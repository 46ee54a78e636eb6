import { describe, expect, test } from 'bun:test'
import { eq, sql } from 'drizzle-orm'
import { digestOf } from '../../src/protocol/credentials.ts'
import { userOwnerOf } from '../../src/protocol/principal.ts'
import { FieldFault } from '../../src/store/fields.ts'
import { apiKeys as table, users } from '../../src/store/schema.ts'
import { engines } from '../kit/engines.ts'
import { population } from '../kit/population.ts'
import { outcome } from '../kit/problem.ts'

const HOUR = 3_600_000
const FOREVER = { name: 'laptop', expiresAt: null }

describe.each(engines)('on $name', ({ fresh }) => {
  const people = population(fresh)

  async function begun() {
    const all = people({ processes: 2 })
    const { user } = await all.one.signIn()
    return { ...all, user }
  }

  describe('an API key', () => {
    test('is its user, for inference', async () => {
      const { one, user } = await begun()
      const { id, key } = await one.apiKeys.make(user, FOREVER)
      expect(await one.apiKeys.find(key)).toEqual({
        kind: 'key',
        owner: userOwnerOf(user),
        scopes: new Set(['inference']),
        client: undefined,
        account: { user, credential: id },
      })
    })

    test('with a wrong checksum costs no read, and one that is none costs one each time', async () => {
      const { one, user } = await begun()
      const { id, key } = await one.apiKeys.make(user, FOREVER)
      await one.apiKeys.revoke(user, id)
      const before = one.asked()
      const wrong = key.slice(0, -1) + (key.endsWith('0') ? '1' : '0')
      expect(await outcome(() => one.apiKeys.find(wrong))).toBe('token_malformed')
      expect(one.asked() - before).toBe(0)
      for (const _ of [1, 2]) expect(await outcome(() => one.apiKeys.find(key))).toBe('key_not_found')
      expect(one.asked() - before).toBe(2)
    })

    test('costs a read in five seconds, and tells the hour of its last use with a write an hour', async () => {
      const { one, user, clock } = await begun()
      const { key } = await one.apiKeys.make(user, FOREVER)
      const lastUsed = async () => (await one.apiKeys.list(user))[0]?.lastUsedAt
      expect(await lastUsed()).toBeNull()
      const first = clock.now()
      clock.pass(HOUR / 2)
      let before = one.asked()
      for (const _ of [1, 2, 3]) await one.apiKeys.find(key)
      await one.settled()
      expect(one.asked() - before).toBe(2)
      expect(await lastUsed()).toBe(first)
      clock.pass(5000)
      before = one.asked()
      await one.apiKeys.find(key)
      expect(one.asked() - before).toBe(1)
      clock.pass(HOUR)
      await one.apiKeys.find(key)
      await one.settled()
      expect(await lastUsed()).toBe(first + HOUR)
    })

    test('ends when it was told to, to the millisecond', async () => {
      const { one, user, clock } = await begun()
      const { key } = await one.apiKeys.make(user, { name: 'x', expiresAt: clock.now() + HOUR })
      clock.pass(HOUR - 1)
      expect(await outcome(() => one.apiKeys.find(key))).toBe('fine')
      clock.pass(1)
      expect(await outcome(() => one.apiKeys.find(key))).toBe('key_expired')
    })

    test('that is revoked is dead at once here, and within five seconds in every other process', async () => {
      const { one, other, user, clock } = await begun()
      const { id, key } = await one.apiKeys.make(user, FOREVER)
      for (const each of [one, other]) await each.apiKeys.find(key)
      expect(await one.apiKeys.revoke(user, id)).toBe(true)
      expect(await one.apiKeys.revoke(user, id)).toBe(false)
      expect(await outcome(() => one.apiKeys.find(key))).toBe('key_not_found')
      clock.pass(4999)
      expect(await outcome(() => other.apiKeys.find(key))).toBe('fine')
      clock.pass(1)
      expect(await outcome(() => other.apiKeys.find(key))).toBe('key_not_found')
    })

    test('of a user who is being deleted opens nothing', async () => {
      const { one, store, user } = await begun()
      const { key } = await one.apiKeys.make(user, FOREVER)
      await store.db.update(users).set({ deletedAt: 1 }).where(eq(users.id, user))
      expect(await outcome(() => one.apiKeys.find(key))).toBe('key_not_found')
    })

    test('is one of a hundred at most, of each user', async () => {
      const { one, user } = await begun()
      await Promise.all(Array.from({ length: 100 }, () => one.apiKeys.make(user, FOREVER)))
      expect(await outcome(() => one.apiKeys.make(user, FOREVER))).toBe('too_many_keys')
      const [{ id = '' } = {}] = await one.apiKeys.list(user)
      await one.apiKeys.revoke(user, id)
      expect(await outcome(() => one.apiKeys.make(user, FOREVER))).toBe('fine')
      const eve = await one.signIn('eve@example.com')
      expect(await outcome(() => one.apiKeys.make(eve.user, FOREVER))).toBe('fine')
    })

    test('is one of a hundred where many more are made at once, too', async () => {
      const { one, other, user } = await begun()
      const making = Array.from({ length: 130 }, (_, at) =>
        outcome(() => [one, other][at % 2]!.apiKeys.make(user, FOREVER)),
      )
      const outcomes = await Promise.all(making)
      expect(outcomes.filter(it => it === 'fine')).toHaveLength(100)
      expect(outcomes.filter(it => it === 'too_many_keys')).toHaveLength(30)
      expect(await one.apiKeys.list(user)).toHaveLength(100)
    })

    test('is stored as a hash, under a sealed name that opens in its own row only', async () => {
      const { one, store, user } = await begun()
      const { id, key } = await one.apiKeys.make(user, { name: 'marked-name', expiresAt: null })
      const other = await one.apiKeys.make(user, { name: 'other-name', expiresAt: null })
      const rows = await store.db.select().from(table)
      expect(JSON.stringify(rows)).not.toMatch(/marked-name|other-name/)
      expect(JSON.stringify(rows)).not.toContain(key.slice(12))
      expect(rows.map(row => row.keyHash)).toContain(digestOf(key))
      await store.db
        .update(table)
        .set({ name: sql`(SELECT name FROM api_keys WHERE id = ${id})` })
        .where(eq(table.id, other.id))
      expect(await one.apiKeys.list(user).catch(error => error)).toBeInstanceOf(FieldFault)
    })
  })
})
