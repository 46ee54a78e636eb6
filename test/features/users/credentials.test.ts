import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { account, by } from '../../kit/account.ts'
import { clockAt } from '../../kit/clock.ts'
import { engines } from '../../kit/engines.ts'
import { type Kit, startGateway } from '../../kit/gateway.ts'
import { identity } from '../../kit/identity.ts'

const clock = clockAt()
let kit: Kit

const SESSIONS = '/users/me/sessions'
const KEYS = '/users/me/keys'
interface Sessions {
  sessions: { id: string; current: boolean }[]
}
interface Key {
  id: string
  key: string
  prefix: string
}

describe.each(engines)('on $name', ({ fresh }) => {
  beforeAll(async () => {
    kit = await startGateway({ upstream: 'http://127.0.0.1:1', now: clock.now, database: await fresh() })
  })
  afterAll(() => kit.stop())

  describe('a user’s sessions', () => {
    test('are listed, and the one that asks is told apart', async () => {
      const first = await account(kit, 'lists@example.com')
      const second = await account(kit, identity({ email: 'lists@example.com' }))
      const { sessions } = await second.told<Sessions>('GET', SESSIONS)
      const times = { created_at: '2026-01-01T00:00:00.000Z', expires_at: '2026-01-31T00:00:00.000Z' }
      const both = [
        { id: first.session, ...times, auth_method: 'mock', current: false },
        { id: second.session, ...times, auth_method: 'google', current: true },
      ]
      expect(sessions.toSorted((a, b) => Number(a.current) - Number(b.current))).toEqual(both)
    })

    test('end one by one, and then all at once', async () => {
      const each = await Promise.all([1, 2, 3].map(() => account(kit, 'ends@example.com')))
      const [first, second, third] = each as [(typeof each)[0], (typeof each)[0], (typeof each)[0]]
      expect((await first.ask('DELETE', `${SESSIONS}/${second.session}`)).status).toBe(204)
      expect((await second.ask('GET', SESSIONS)).status).toBe(401)
      expect((await first.ask('DELETE', SESSIONS)).status).toBe(204)
      for (const one of [first, third]) expect((await one.ask('GET', SESSIONS)).status).toBe(401)
    })
  })

  test('what opens an account is shut while somebody else uses up all that its owner may ask', async () => {
    const used = await startGateway({
      ...{ upstream: 'http://127.0.0.1:1', now: clock.now, database: await fresh() },
      ...{ rpm: 1, burst: 2 },
    })
    const [ada, elsewhere] = [await account(used, 'ada@example.com'), await account(used, 'ada@example.com')]
    const { id, key } = await ada.told<Key>('POST', KEYS, { name: 'leaked' })
    const thief = by(used, `Bearer ${key}`)
    while ((await thief.ask('GET', '/usage')).status !== 429);
    expect(await ada.told('GET', KEYS)).toMatchObject({ keys: [{ id }] })
    expect((await ada.ask('DELETE', `${KEYS}/${id}`)).status).toBe(204)
    expect(await ada.told('GET', SESSIONS)).toMatchObject({ sessions: { length: 2 } })
    expect((await ada.ask('DELETE', `${SESSIONS}/${elsewhere.session}`)).status).toBe(204)
    expect((await ada.ask('POST', '/auth/logout')).status).toBe(204)
    for (const one of [thief, elsewhere, ada]) expect((await one.ask('GET', '/usage')).status).toBe(401)
    await used.stop()
  })

  describe('a log-out', () => {
    test('without a body ends the session that asks', async () => {
      const [ada, elsewhere] = [await account(kit, 'out@example.com'), await account(kit, 'out@example.com')]
      const answer = await ada.ask('POST', '/auth/logout')
      expect([answer.status, await answer.text()]).toEqual([204, ''])
      expect((await ada.ask('GET', SESSIONS)).status).toBe(401)
      expect((await elsewhere.ask('GET', SESSIONS)).status).toBe(200)
    })

    test('ends another session of the same user, however its id is written', async () => {
      const [ada, elsewhere] = [await account(kit, 'out2@example.com'), await account(kit, 'out2@example.com')]
      const body = { session_id: elsewhere.session.toUpperCase() }
      expect((await ada.ask('POST', '/auth/logout', body)).status).toBe(204)
      expect((await elsewhere.ask('GET', SESSIONS)).status).toBe(401)
      expect((await ada.ask('POST', '/auth/logout', body)).status).toBe(404)
      expect((await ada.ask('POST', '/auth/logout', { session_id: 'x' })).status).toBe(400)
      expect((await ada.ask('GET', SESSIONS)).status).toBe(200)
    })
  })

  describe('an API key', () => {
    test('is shown once, and then by its beginning', async () => {
      const ada = await account(kit, 'makes@example.com')
      const answer = await ada.ask('POST', KEYS, { name: 'laptop', expires_in_days: 2 })
      expect([answer.status, answer.headers.get('cache-control')]).toEqual([201, 'no-store'])
      const { key, ...made } = (await answer.json()) as Key
      expect(key).toStartWith(made.prefix)
      expect(made).toEqual({
        ...{ id: expect.any(String), prefix: expect.stringMatching(/^sk-sg-[0-9a-f]{6}$/), name: 'laptop' },
        ...{ created_at: '2026-01-01T00:00:00.000Z', expires_at: '2026-01-03T00:00:00.000Z', last_used_at: null },
      })
      expect(await ada.told('GET', KEYS)).toEqual({ keys: [made] })
    })

    test('lets in to inference, books under its user, and opens nothing of the account', async () => {
      const ada = await account(kit, 'uses@example.com')
      const { id, key } = await ada.told<Key>('POST', KEYS, { name: 'x' })
      const program = by(kit, `Bearer ${key}`)
      const secrets = await Promise.all([program, ada].map(one => one.told('GET', '/cache-secret')))
      expect(secrets[0]).toEqual(secrets[1]!)
      expect(await program.told('GET', '/users/me')).toMatchObject({ error: { code: 'session_required' } })
      expect((await ada.ask('DELETE', `${KEYS}/${id}`)).status).toBe(204)
      expect(await program.told('GET', '/usage')).toMatchObject({ error: { code: 'key_not_found' } })
    })

    test.each([{}, { name: '' }, { name: 'x\n' }, { name: 'x', expires_in_days: 0 }, { name: 'x', scope: 'all' }])(
      'is not made of %j',
      async body => {
        const ada = await account(kit, 'fails@example.com')
        expect((await ada.ask('POST', KEYS, body)).status).toBe(400)
        expect(await ada.told('GET', KEYS)).toEqual({ keys: [] })
      },
    )
  })
})
