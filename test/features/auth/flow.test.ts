import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { fields } from '../../../src/store/fields.ts'
import { deriveKeys } from '../../../src/store/keys.ts'
import { by } from '../../kit/account.ts'
import { clockAt } from '../../kit/clock.ts'
import { DATA_KEY } from '../../kit/database.ts'
import { engines } from '../../kit/engines.ts'
import type { Kit } from '../../kit/gateway.ts'
import { type Session, sessionIn, signingIn, standInProvider, toldIn, visitor } from '../../kit/sign-in.ts'

const DAY = 86_400_000

describe.each(engines)('on $name', ({ fresh, run }) => {
  const clock = clockAt()
  const providers = [standInProvider(), standInProvider('github')]
  let kit: Kit
  let other: Kit
  let database: string
  beforeAll(async () => {
    database = await fresh()
    const shared = { now: clock.now, database }
    kit = await signingIn({ providers }, shared)
    other = await signingIn({ providers }, shared)
  })
  afterAll(() => Promise.all([kit.stop(), other.stop()]))

  const statusOf = async ({ token }: Session, at = kit) =>
    (await by(at, `Bearer ${token}`).ask('GET', '/users/me')).status

  describe('a sign-in', () => {
    test('leads to the provider, back to the frontend, and to a session that opens', async () => {
      const ada = visitor(kit)
      const there = await ada.start()
      expect([there.status, there.headers.get('location')]).toEqual([
        302,
        expect.stringMatching(/^https:\/\/google\.e/),
      ])
      const back = await ada.back({ state: toldIn(there).get('state') ?? '', code: 'ada' })
      expect([back.status, back.headers.get('location')]).toEqual([
        302,
        expect.stringMatching(/^https:\/\/app\.example\/auth\/callback\?code=[\w-]{43}$/),
      ])
      const answer = await ada.redeem(toldIn(back).get('code') ?? '')
      const session = await sessionIn(answer)
      expect([answer.status, session]).toEqual([
        200,
        {
          token: expect.stringMatching(/^sess_[0-9a-f]{32}$/),
          session_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
          expires_at: new Date(clock.now() + 30 * DAY).toISOString(),
          is_new_user: true,
        },
      ])
      const { user } = await by(kit, `Bearer ${session.token}`).told<{ user: object }>('GET', '/users/me')
      expect(user).toMatchObject({ email: 'ada@example.com', name: 'ada' })
      for (const each of [there, back, answer]) expect(each.headers.get('cache-control')).toBe('no-store')
      for (const each of [there, back]) expect(each.headers.get('referrer-policy')).toBe('no-referrer')
    })

    test('of somebody known, by whichever provider, is theirs again', async () => {
      const [first, second] = [visitor(kit), visitor(kit)]
      const made = await sessionIn(await first.redeem(await first.code('grace')))
      const found = await sessionIn(await second.redeem(await second.code('grace', {}, 'github')))
      expect([made.is_new_user, found.is_new_user]).toEqual([true, false])
      expect(found.token).not.toBe(made.token)
    })

    test.each([
      ['linus', 'google', { email: 'linus@example.com', domain: 'example.com' }],
      ['linus', 'github', { email: 'linus@example.com', domain: null }],
      ['unproven-linus', 'github', { email: null, domain: null }],
    ])('keeps with the session of %s by %s what was proven', async (who, id, proven) => {
      const somebody = visitor(kit)
      const { session_id: row } = await sessionIn(await somebody.redeem(await somebody.code(who, {}, id)))
      const [kept] = await run<string>(database, `SELECT auth_method, proof FROM sessions WHERE id = '${row}'`)
      const { fields: key } = deriveKeys({ root: Buffer.from(DATA_KEY, 'hex'), overrides: {} })
      const proof = fields(key).open({ table: 'sessions', column: 'proof', row }, kept?.['proof'] ?? '')
      expect([kept?.['auth_method'], JSON.parse(proof)]).toEqual([id, proven])
    })

    test('may go on beside another in the same browser, whichever ends first', async () => {
      const tabs = visitor(kit)
      const states = [await tabs.begin(), await tabs.begin({}, 'github')]
      for (const state of states.toReversed()) {
        const back = await tabs.back({ state, code: 'tabs' })
        expect((await tabs.redeem(toldIn(back).get('code') ?? '')).status).toBe(200)
      }
    })

    test('may begin at one gateway, come back to another, and be redeemed at the first', async () => {
      const traveller = visitor(kit)
      const back = await traveller.back({ state: await traveller.begin(), code: 'traveller' }, other.url)
      const session = await sessionIn(await traveller.redeem(toldIn(back).get('code') ?? ''))
      expect(await statusOf(session, other)).toBe(200)
    })

    test('is over after ten minutes', async () => {
      const slow = visitor(kit)
      const state = await slow.begin()
      clock.pass(600_000)
      expect((await slow.back({ state, code: 'slow' })).status).toBe(401)
    })

    test('is swept once it is over, and so is what was done long ago', async () => {
      const late = visitor(kit)
      await late.code('late')
      await late.begin()
      clock.pass(90 * DAY + 1)
      await kit.sweep()
      const rows = async (table: string) => (await run(database, `SELECT * FROM ${table}`)).length
      expect([await rows('sign_ins'), await rows('activity')]).toEqual([0, 0])
    })
  })

  describe('a code', () => {
    test('is for 60 seconds', async () => {
      const ada = visitor(kit)
      const [early, late] = [await ada.code('ada'), await ada.code('ada')]
      clock.pass(59_999)
      expect((await ada.redeem(early)).status).toBe(200)
      clock.pass(1)
      expect((await ada.redeem(late)).status).toBe(401)
    })

    test('that comes again ends the session that it began, elsewhere within seconds', async () => {
      const ada = visitor(kit)
      const code = await ada.code('ada')
      const session = await sessionIn(await ada.redeem(code))
      expect([await statusOf(session), await statusOf(session, other)]).toEqual([200, 200])
      expect((await ada.redeem(code)).status).toBe(401)
      expect(await statusOf(session)).toBe(401)
      clock.pass(5000)
      expect(await statusOf(session, other)).toBe(401)
    })

    test('that two bring at once begins one session at most', async () => {
      const ada = visitor(kit)
      const code = await ada.code('ada')
      const answers = await Promise.all([ada.redeem(code), ada.redeem(code, ada.verifier, other.url)])
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 401])
    })
  })
})
