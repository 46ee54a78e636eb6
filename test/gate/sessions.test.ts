import { describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { audit } from '../../src/gate/audit.ts'
import { userOwnerOf } from '../../src/protocol/principal.ts'
import { sessions as table, users } from '../../src/store/schema.ts'
import { engines } from '../kit/engines.ts'
import { population } from '../kit/population.ts'
import { outcome } from '../kit/problem.ts'

const DAY = 86_400_000

describe.each(engines)('on $name', ({ fresh }) => {
  const people = population(fresh)

  describe('a session', () => {
    test('is its user, who may ask for inference', async () => {
      const { one } = people()
      const { user, session } = await one.signIn()
      expect(await one.sessions.find(session.token)).toEqual({
        kind: 'session',
        owner: userOwnerOf(user),
        scopes: new Set(['inference']),
        client: undefined,
        signIn: { method: 'mock', proof: expect.stringMatching(/^f1\./) },
        account: { user, credential: session.id },
      })
    })

    test('costs one read in five seconds, and is answered at once in between', async () => {
      const { one, clock } = people()
      const { session } = await one.signIn()
      const before = one.asked()
      await one.sessions.find(session.token)
      clock.pass(4999)
      expect(one.sessions.find(session.token)).not.toBeInstanceOf(Promise)
      expect(one.asked() - before).toBe(1)
      clock.pass(1)
      await one.sessions.find(session.token)
      expect(one.asked() - before).toBe(2)
    })

    test('that is none is asked for each time, and one of another form never', async () => {
      const { one } = people()
      const token = `sess_${'0f'.repeat(16)}`
      const before = one.asked()
      for (const _ of [1, 2]) expect(await outcome(() => one.sessions.find(token))).toBe('session_not_found')
      expect(one.asked() - before).toBe(2)
      expect(await outcome(() => one.sessions.find(`${token}0`))).toBe('token_malformed')
      expect(one.asked() - before).toBe(2)
    })

    test('that nobody uses ends after its days, to the millisecond', async () => {
      const { one, clock } = people()
      const { session } = await one.signIn()
      clock.pass(30 * DAY - 1)
      const other = await one.signIn()
      clock.pass(1)
      expect(await outcome(() => one.sessions.find(session.token))).toBe('session_expired')
      expect(await outcome(() => one.sessions.find(other.session.token))).toBe('fine')
    })

    test('ends to the millisecond where it is remembered too', async () => {
      const { one, clock } = people({ days: { idle: 1, most: 1 } })
      const { session } = await one.signIn()
      clock.pass(DAY - 1000)
      await one.sessions.find(session.token)
      clock.pass(1000)
      expect(await outcome(() => one.sessions.find(session.token))).toBe('session_expired')
    })

    test('is renewed by a day’s first use, once, and never beyond its most', async () => {
      const { one, clock } = people()
      const { user, session } = await one.signIn()
      const begun = clock.now()
      const use = async () => {
        const before = one.asked()
        await one.sessions.find(session.token)
        await one.settled()
        return one.asked() - before
      }
      const ends = async () => (await one.sessions.list(user))[0]?.expiresAt
      clock.pass(DAY - 1)
      expect([await use(), await ends()]).toEqual([1, begun + 30 * DAY])
      clock.pass(5001)
      expect([await use(), await ends()]).toEqual([2, begun + DAY + 5000 + 30 * DAY])
      clock.pass(5000)
      expect(await use()).toBe(1)
      for (let day = 2; day < 90; day++) {
        clock.pass(DAY)
        expect(await use()).toBe(2)
      }
      expect(await ends()).toBe(begun + 90 * DAY)
      clock.pass(DAY)
      expect(await outcome(() => one.sessions.find(session.token))).toBe('session_expired')
    })

    test('that has ended is told apart for a week, and is gone then', async () => {
      const { one, clock } = people()
      const { session } = await one.signIn()
      clock.pass(36 * DAY)
      await one.sessions.sweep()
      expect(await outcome(() => one.sessions.find(session.token))).toBe('session_expired')
      clock.pass(DAY + 1)
      await one.sessions.sweep()
      expect(await outcome(() => one.sessions.find(session.token))).toBe('session_not_found')
    })

    test('of a user who is being deleted is none, whatever wrote it', async () => {
      const { one, store } = people()
      const { user, session } = await one.signIn()
      await store.db.update(users).set({ deletedAt: 1 }).where(eq(users.id, user))
      expect(await outcome(() => one.sessions.find(session.token))).toBe('session_not_found')
    })

    test('is nowhere in the database but as its SHA-256', async () => {
      const { one, store } = people()
      const { session } = await one.signIn()
      const text = JSON.stringify(await store.db.select().from(table))
      expect(text).not.toContain(session.token.slice(5))
      expect(text).toContain(new Bun.CryptoHasher('sha256').update(session.token).digest('hex'))
    })
  })

  describe('a session that is ended', () => {
    test('is dead at once in the process that ended it, and within five seconds in every other', async () => {
      const { one, other, clock } = people({ processes: 2 })
      const { user, session } = await one.signIn()
      for (const each of [one, other]) await each.sessions.find(session.token)
      expect(await one.sessions.end(user, session.id)).toBe(true)
      expect(await outcome(() => one.sessions.find(session.token))).toBe('session_not_found')
      clock.pass(4999)
      expect(await outcome(() => other.sessions.find(session.token))).toBe('fine')
      clock.pass(1)
      expect(await outcome(() => other.sessions.find(session.token))).toBe('session_not_found')
    })

    test('is not remembered by who asked for it just before', async () => {
      const { one } = people()
      const { user, session } = await one.signIn()
      const asking = one.sessions.find(session.token)
      // On PostgreSQL either may be the first.
      await Promise.allSettled([asking, one.sessions.end(user, session.id)])
      expect(await outcome(() => one.sessions.find(session.token))).toBe('session_not_found')
    })

    test('is one of its user’s own, or none is', async () => {
      const { one } = people()
      const [ada, eve] = [await one.signIn(), await one.signIn('eve@example.com')]
      expect(await one.sessions.end(eve.user, ada.session.id)).toBe(false)
      expect(await outcome(() => one.sessions.find(ada.session.token))).toBe('fine')
    })

    test('may be all of a user', async () => {
      const { one } = people()
      const [first, second, eve] = [await one.signIn(), await one.signIn(), await one.signIn('eve@example.com')]
      for (const { session } of [first, second, eve]) await one.sessions.find(session.token)
      await one.sessions.endAll(first.user)
      for (const { session } of [first, second])
        expect(await outcome(() => one.sessions.find(session.token))).toBe('session_not_found')
      expect(await outcome(() => one.sessions.find(eve.session.token))).toBe('fine')
    })

    test('is not, where what is to be written beside it cannot be', async () => {
      const { one } = people()
      const { user, session } = await one.signIn()
      const { entered } = audit(one.deps)
      const twice = entered({ admin: 'u_1', action: 'sessions.end', about: user, details: null })
      await expect(one.sessions.endAll(user, [twice, twice])).rejects.toThrow()
      expect(await outcome(() => one.sessions.find(session.token))).toBe('fine')
    })
  })
})
