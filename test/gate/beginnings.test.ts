import { describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import type { SignIn } from '../../src/gate/beginnings.ts'
import { userOwnerOf } from '../../src/protocol/principal.ts'
import { Problem } from '../../src/protocol/problem.ts'
import { activity, sessions as rows } from '../../src/store/schema.ts'
import { engines } from '../kit/engines.ts'
import { identity } from '../kit/identity.ts'
import { population } from '../kit/population.ts'
import { outcome } from '../kit/problem.ts'

const DAY = 86_400_000

describe.each(engines)('on $name', ({ fresh }) => {
  const people = population(fresh)

  const codeHash = () => new Bun.CryptoHasher('sha256').update(crypto.randomUUID()).digest('hex')

  /** Somebody who has just proven who they are, and a code's hash for their session. */
  async function arrival(given: Partial<SignIn> = {}) {
    const all = people({ processes: 2 })
    const { email } = identity()
    const { user } = await all.one.meet(identity({ email }))
    const signIn: SignIn = { user, isNew: true, method: 'google', email, domain: 'example.com', ...given }
    const entries = () =>
      all.store.db
        .select()
        .from(activity)
        .where(eq(activity.owner, userOwnerOf(user)))
    return { ...all, user, signIn, entries, code: codeHash() }
  }

  describe('a sign-in', () => {
    test('begins a session that tells how, and keeps what was proven sealed', async () => {
      const { one, store, user, signIn, clock } = await arrival()
      const { token, ...session } = await one.sessions.begin(signIn)
      const at = clock.now()
      expect(session).toEqual({ id: session.id, createdAt: at, expiresAt: at + 30 * DAY, authMethod: 'google' })
      expect(await one.sessions.find(token)).toMatchObject({ account: { user, credential: session.id } })
      expect(await one.sessions.list(user)).toEqual([session])
      const [row] = await store.db.select().from(rows).where(eq(rows.id, session.id))
      const proof = one.deps.fields.open({ table: 'sessions', column: 'proof', row: session.id }, row?.proof ?? '')
      expect(JSON.parse(proof)).toEqual({ email: signIn.email, domain: 'example.com' })
    })

    test.each([
      [true, 'signup'],
      [false, 'login'],
    ])('that made its user (%p) is entered once as a %s, in ids', async (isNew, kind) => {
      const { one, user, signIn, entries, clock, code } = await arrival({ isNew })
      const entered = {
        owner: userOwnerOf(user),
        at: clock.now(),
        id: expect.any(String),
        kind,
        authMethod: 'google',
        about: null,
      }
      await one.sessions.begin(signIn)
      expect(await entries()).toEqual([entered])
      await one.sessions.offer(signIn, code)
      await one.sessions.redeem(code)
      expect(await entries()).toEqual([entered, entered])
    })

    test('that believes whatever it is told says so', async () => {
      const { one, store } = people()
      const { user } = await one.signIn(`${crypto.randomUUID()}@example.com`)
      const entered = await store.db
        .select()
        .from(activity)
        .where(eq(activity.owner, userOwnerOf(user)))
      expect(entered).toMatchObject([{ kind: 'signup', authMethod: 'mock' }])
      expect(await one.sessions.list(user)).toMatchObject([{ authMethod: 'mock' }])
    })
  })

  describe('a session that waits for its code', () => {
    test('is begun by it, in whichever process, and lasts from that moment on', async () => {
      const { one, other, user, signIn, clock, code } = await arrival()
      await one.sessions.offer(signIn, code)
      clock.pass(59_999)
      const { token, isNew, ...session } = await other.sessions.redeem(code)
      const at = clock.now()
      expect(isNew).toBe(true)
      expect(session).toEqual({ id: session.id, createdAt: at, expiresAt: at + 30 * DAY, authMethod: 'google' })
      expect(await one.sessions.list(user)).toEqual([session])
      expect(await one.sessions.find(token)).toMatchObject({ account: { user, credential: session.id } })
    })

    test('tells that its user was known', async () => {
      const { one, signIn, code } = await arrival({ isNew: false })
      await one.sessions.offer(signIn, code)
      expect((await one.sessions.redeem(code)).isNew).toBe(false)
    })

    test('is none yet: it is not listed, and ends after 60 s', async () => {
      const { one, user, signIn, clock, code } = await arrival()
      await one.sessions.offer(signIn, code)
      expect(await one.sessions.list(user)).toEqual([])
      clock.pass(60_000)
      expect(await outcome(() => one.sessions.redeem(code))).toBe('sign_in_failed')
    })

    test('is gone where its user has ended all sessions', async () => {
      const { one, user, signIn, code } = await arrival()
      await one.sessions.offer(signIn, code)
      await one.sessions.endAll(user)
      expect(await outcome(() => one.sessions.redeem(code))).toBe('sign_in_failed')
    })
  })

  describe('a code', () => {
    test('that comes again is refused, and ends the session that it began, at once', async () => {
      const { one, user, signIn, code } = await arrival()
      const elsewhere = await one.sessions.begin(signIn)
      await one.sessions.offer(signIn, code)
      const { token } = await one.sessions.redeem(code)
      await one.sessions.find(token)
      expect(await outcome(() => one.sessions.redeem(code))).toBe('sign_in_failed')
      expect(await outcome(() => one.sessions.find(token))).toBe('session_not_found')
      expect((await one.sessions.list(user)).map(({ id }) => id)).toEqual([elsewhere.id])
      expect(await outcome(() => one.sessions.redeem(code))).toBe('sign_in_failed')
    })

    test('that many bring at once begins one session at most, and none is left of it', async () => {
      const { each, user, signIn, code } = await arrival()
      await each[0]!.sessions.offer(signIn, code)
      const ends = await Promise.allSettled(Array.from({ length: 10 }, (_, at) => each[at % 2]!.sessions.redeem(code)))
      expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect(await each[0]!.sessions.list(user)).toEqual([])
    })

    test('that is unknown, used or too late is refused in the same words', async () => {
      const { one, signIn, clock, code } = await arrival()
      const [used, late] = [code, codeHash()]
      for (const each of [used, late]) await one.sessions.offer(signIn, each)
      await one.sessions.redeem(used)
      clock.pass(60_000)
      const refusals = await Promise.all(
        [codeHash(), used, late].map(each => one.sessions.redeem(each).catch(error => error)),
      )
      for (const refusal of refusals) {
        expect(refusal).toBeInstanceOf(Problem)
        expect([refusal.code, refusal.message]).toEqual([refusals[0].code, refusals[0].message])
      }
    })

    test('opens nothing as a token, even if it had the form of one', async () => {
      const { one, signIn } = await arrival()
      const token = `sess_${'0f'.repeat(16)}`
      await one.sessions.offer(signIn, new Bun.CryptoHasher('sha256').update(token).digest('hex'))
      expect(await outcome(() => one.sessions.find(token))).toBe('session_not_found')
    })
  })
})
