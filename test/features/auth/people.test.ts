import { describe, expect, test } from 'bun:test'
import { SQL } from 'bun'
import { eq } from 'drizzle-orm'
import { people } from '../../../src/features/auth/people.ts'
import { deletion } from '../../../src/features/users/deletion.ts'
import { profiles } from '../../../src/features/users/profile.ts'
import { apiKeys } from '../../../src/gate/api-keys.ts'
import { ledger } from '../../../src/gate/ledger.ts'
import { sessions } from '../../../src/gate/sessions.ts'
import { fields, lookupHash } from '../../../src/store/fields.ts'
import { openStore } from '../../../src/store/open.ts'
import { linkedAccounts, users } from '../../../src/store/schema.ts'
import type { Store } from '../../../src/store/store.ts'
import { DATA_KEY, runOn } from '../../kit/database.ts'
import { engines, postgres } from '../../kit/engines.ts'
import { identity } from '../../kit/identity.ts'
import { population } from '../../kit/population.ts'
import { eventually } from '../../kit/stage.ts'

describe.each(engines)('on $name', ({ fresh }) => {
  const all = population(fresh)
  const somebody = () => {
    const { one, clock, ...rest } = all()
    return { ...rest, clock, meet: one.meet, profileOf: profiles(one.deps) }
  }
  const anAddress = () => `Ada.${crypto.randomUUID()}@example.com`

  describe('an account', () => {
    test('is its user’s for good, and nobody else’s', async () => {
      const { meet } = somebody()
      const [ada, eve] = [identity(), identity()]
      const first = await meet(ada)
      expect(first.isNew).toBe(true)
      expect(await meet({ ...ada, email: anAddress() })).toEqual({ user: first.user, isNew: false })
      expect((await meet(eve)).user).not.toBe(first.user)
    })

    test('is another one where only its issuer is another, or only its subject', async () => {
      const { meet } = somebody()
      const ada = identity({ email: null, isProven: false })
      const all = [ada, { ...ada, issuer: 'https://login.example' }, { ...ada, subject: `${ada.subject}0` }]
      const met = await Promise.all(all.map(meet))
      expect(met.map(({ isNew }) => isNew)).toEqual([true, true, true])
    })

    test('is linked to the user who has proven the same address, whatever the case of its ASCII letters', async () => {
      const { meet } = somebody()
      const email = anAddress()
      const { user } = await meet(identity({ email }))
      const github = identity({ provider: 'github', issuer: 'https://github.com', email: email.toUpperCase() })
      expect(await meet(github)).toEqual({ user, isNew: false })
      expect(await meet({ ...github, email: anAddress() })).toEqual({ user, isNew: false })
    })

    test('is linked to nobody by an address that only looks the same', async () => {
      const { meet } = somebody()
      const email = `k${anAddress()}`
      const { user } = await meet(identity({ email }))
      expect((await meet(identity({ email: `\u212a${email.slice(1)}` }))).user).not.toBe(user)
    })

    test('is linked to nobody, and found by nobody, through an address that is not proven', async () => {
      const { meet, profileOf } = somebody()
      const email = anAddress()
      const proven = await meet(identity({ email }))
      const [first, second] = [
        await meet(identity({ email, isProven: false })),
        await meet(identity({ email, isProven: false })),
      ]
      expect(new Set([proven, first, second].map(({ user }) => user)).size).toBe(3)
      for (const { user } of [first, second]) expect((await profileOf(user)).email).toBe(email)
      const free = anAddress()
      const claims = await meet(identity({ email: free, isProven: false }))
      expect((await meet(identity({ email: free }))).user).not.toBe(claims.user)
    })

    test('of many callbacks at once, in two processes, makes one user', async () => {
      const { each, store } = all({ processes: 2 })
      for (const isProven of [true, false]) {
        const ada = identity({ isProven })
        const met = await Promise.all(Array.from({ length: 10 }, (_, at) => each[at % 2]!.meet(ada)))
        const [user] = new Set(met.map(({ user }) => user))
        expect(met.filter(each => each.user !== user)).toEqual([])
        expect(met.filter(({ isNew }) => isNew)).toHaveLength(1)
        const links = await store.db.select().from(linkedAccounts)
        expect(links.filter(({ userId }) => userId === user)).toHaveLength(1)
      }
      const [rows, links] = [await store.db.select().from(users), await store.db.select().from(linkedAccounts)]
      expect(rows.filter(({ id }) => !links.some(({ userId }) => userId === id))).toEqual([])
    })

    test('and another of the same address, at once, make one user', async () => {
      const { each } = all({ processes: 2 })
      const email = anAddress()
      const met = await Promise.all(Array.from({ length: 10 }, (_, at) => each[at % 2]!.meet(identity({ email }))))
      expect(new Set(met.map(({ user }) => user)).size).toBe(1)
      expect(met.filter(({ isNew }) => isNew)).toHaveLength(1)
    })
  })

  describe('a user who signs in again', () => {
    test('is told of by what the provider says now, and by what it said before where it says nothing', async () => {
      const { meet, profileOf, clock } = somebody()
      const ada = identity({ name: 'Ada', avatarUrl: 'https://a.example/1' })
      const { user } = await meet(ada)
      clock.pass(1000)
      const email = anAddress()
      await meet({ ...ada, email, name: 'Ada King', avatarUrl: null })
      expect(await profileOf(user)).toEqual({
        ...{ id: user, email, name: 'Ada King', avatar_url: 'https://a.example/1' },
        ...{ created_at: '2026-01-01T00:00:00.000Z', updated_at: '2026-01-01T00:00:01.000Z' },
      })
      await meet({ ...ada, email: email.toUpperCase() })
      expect((await profileOf(user)).email).toBe(email.toUpperCase())
    })

    test('is found by the new address, and no more by the old one', async () => {
      const { meet } = somebody()
      const ada = identity()
      const { user } = await meet(ada)
      const email = anAddress()
      await meet({ ...ada, email })
      expect((await meet(identity({ email }))).user).toBe(user)
      expect((await meet(identity({ email: ada.email }))).user).not.toBe(user)
    })

    test('does not take over the address of another one', async () => {
      const { meet, profileOf } = somebody()
      const [ada, eve] = [identity(), identity({ name: 'Eve' })]
      const [{ user }, other] = [await meet(ada), await meet(eve)]
      expect(await meet({ ...eve, email: ada.email, name: 'Mallory' })).toEqual({ ...other, isNew: false })
      expect(await profileOf(other.user)).toMatchObject({ email: eve.email, name: 'Mallory' })
      expect((await meet(identity({ email: ada.email }))).user).toBe(user)
      expect((await meet(identity({ email: eve.email }))).user).toBe(other.user)
    })

    test('keeps a proven address where the provider is trusted no more', async () => {
      const { meet, profileOf } = somebody()
      const ada = identity()
      const { user } = await meet(ada)
      expect((await meet({ ...ada, isProven: false, email: anAddress() })).user).toBe(user)
      expect((await profileOf(user)).email).toBe(ada.email)
    })

    test('stays the same where the provider is trusted later, and has the address then, if nobody else does', async () => {
      const { meet, profileOf } = somebody()
      const [free, taken] = [identity({ isProven: false }), identity({ isProven: false, email: anAddress() })]
      const [first, second] = [await meet(free), await meet(taken)]
      const owner = await meet(identity({ email: taken.email }))
      for (const [who, { user }] of [
        [free, first],
        [taken, second],
      ] as const)
        expect(await meet({ ...who, isProven: true })).toEqual({ user, isNew: false })
      expect((await meet(identity({ email: free.email }))).user).toBe(first.user)
      expect((await meet(identity({ email: taken.email }))).user).toBe(owner.user)
      expect((await profileOf(second.user)).email).toBe(taken.email)
    })

    test('while they are being deleted stays nameless, and leaves the address to whoever comes then', async () => {
      const { one, store } = all()
      const ada = identity()
      const { user } = await one.meet(ada)
      const row = eq(users.id, user)
      const amid: Store = {
        ...store,
        atomically: async writes => {
          await store.db.update(users).set({ email: null, emailHash: null, deletedAt: 1 }).where(row)
          await store.atomically(writes)
        },
      }
      await people({ ...one.deps, store: amid })({ ...ada, name: 'Ada' })
      const [left] = await store.db.select().from(users).where(row)
      expect(left).toMatchObject({ email: null, emailHash: null, name: null })
    })

    test('without a proven address may change it, and may have none', async () => {
      const { meet, profileOf } = somebody()
      const ada = identity({ isProven: false, email: null })
      const { user } = await meet(ada)
      expect((await profileOf(user)).email).toBeNull()
      const email = anAddress()
      await meet({ ...ada, email })
      expect((await profileOf(user)).email).toBe(email)
    })
  })
})

test('a user who is deleted amid a sign-in on PostgreSQL takes the account along that it links', async () => {
  const url = await postgres.fresh()
  const { store, keys } = await openStore({ url, dataKey: Buffer.from(DATA_KEY, 'hex'), identityKey: undefined })
  const deps = { store, fields: fields(keys.fields), lookupKey: keys.lookup, now: Date.now, log: () => undefined }
  const days = { idle: 1, most: 1 }
  const own = { sessions: sessions({ ...deps, days }), apiKeys: apiKeys(deps), ledger: ledger({ ...deps, flushMs: 0 }) }
  const meet = people(deps)
  const ada = identity()
  const github = { ...identity({ email: ada.email }), provider: 'github', subject: '583231' }
  const { user } = await meet(ada)
  const waiting = async () => {
    const [row] = await runOn<number>(
      url,
      `SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock'
       AND starts_with(application_name, 'sealgate ' || current_schema()::regnamespace::oid)`,
    )
    return row?.['n'] ?? 0
  }
  const hash = lookupHash(keys.lookup, 'account', JSON.stringify([github.issuer, github.subject]))
  // Whoever links the account waits to see whether this is ever written.
  const client = new SQL(url, { max: 1 })
  const [written, undo] = [Promise.withResolvers<void>(), Promise.withResolvers<never>()]
  const inTheWay = client
    .begin(async connection => {
      await connection.unsafe(
        `INSERT INTO linked_accounts (id, user_id, provider, account, account_hash, linked_at) VALUES ('x', 'x', 'x', 'x', '${hash}', 1)`,
      )
      written.resolve()
      await undo.promise
    })
    .catch(() => undefined)
  await written.promise
  const signIn = meet(github).catch(() => undefined)
  await eventually(async () => (await waiting()) === 1)
  // Its process dies behind the first transaction: what it would take away later is not taken away.
  const dying: Store = { ...store, ask: () => Promise.race([]) }
  const end = deletion({ ...deps, ...own, store: dying }).start(user)
  await Promise.race([end, eventually(async () => (await waiting()) === 2)])
  undo.reject(new Error('undone'))
  await Promise.all([inTheWay, signIn, end])
  expect((await meet(github)).isNew).toBe(true)
  expect((await meet(ada)).user).not.toBe(user)
  await client.close()
  await own.ledger.close()
  await store.close()
})
