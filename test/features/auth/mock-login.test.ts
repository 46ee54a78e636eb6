import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { by } from '../../kit/account.ts'
import { engines } from '../../kit/engines.ts'
import { type Kit, startGateway } from '../../kit/gateway.ts'

let kit: Kit

interface Login {
  session_token: string
  session_id: string
  user_id: string
  is_new_user: boolean
}

const post = (body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${kit.url}/v1/auth/mock-login`, { method: 'POST', headers, body: JSON.stringify(body) })
const login = async (body: unknown) => (await (await post(body)).json()) as Login

describe.each(engines)('on $name', ({ fresh }) => {
  beforeAll(async () => {
    kit = await startGateway({
      upstream: 'http://127.0.0.1:1',
      mockLogin: true,
      proxies: ['127.0.0.0/8'],
      database: await fresh(),
    })
  })
  afterAll(() => kit.stop())

  describe('a mock login', () => {
    test('makes a user and a session', async () => {
      const body = { email: 'Ada@example.com', name: 'Ada', avatar_url: 'https://a.example/ada.png' }
      const told = await login(body)
      expect([told.session_token, told.is_new_user]).toEqual([expect.stringMatching(/^sess_[0-9a-f]{32}$/), true])
      const { user } = await by(kit, `Bearer ${told.session_token}`).told<{ user: object }>('GET', '/users/me')
      expect(user).toMatchObject({ id: told.user_id, ...body })
    })

    test('finds the user again, whatever the case of the address, and leaves them as they are', async () => {
      const first = await login({ email: 'grace@example.com', name: 'Grace' })
      const second = await login({ email: 'GRACE@Example.com', name: 'Mallory' })
      expect([second.user_id, second.is_new_user]).toEqual([first.user_id, false])
      const { user } = await by(kit, `Bearer ${second.session_token}`).told<{ user: object }>('GET', '/users/me')
      expect(user).toMatchObject({ email: 'grace@example.com', name: 'Grace' })
    })

    test('many at once of somebody new make one user', async () => {
      const all = await Promise.all(Array.from({ length: 8 }, () => login({ email: 'rush@example.com' })))
      expect(new Set(all.map(({ user_id }) => user_id)).size).toBe(1)
      expect(all.filter(({ is_new_user }) => is_new_user)).toHaveLength(1)
    })

    test.each([
      {},
      { email: 'x' },
      { email: 'a@b', name: 1 },
      { email: 'a@b', avatar_url: 'http://a' },
      { token: 'x' },
    ])('of %j is refused', async body => expect((await post(body)).status).toBe(400))

    test.each<[string, string, string, Record<string, string>]>([
      ['another machine', 'http://localhost/', '10.0.0.5', {}],
      ['another machine that says otherwise', 'http://localhost/', '10.0.0.5', { 'x-forwarded-for': '127.0.0.1' }],
      ['nowhere', 'http://localhost/', 'unknown', {}],
      ['a page whose host was turned to this machine', 'http://evil.example/', '127.0.0.1', {}],
    ])('is not there for %s', async (_, origin, address, headers) => {
      const connection = { timeout: () => undefined, requestIP: () => ({ address }) }
      const ask = (path: string) => {
        const body = JSON.stringify({ email: 'ada@example.com' })
        return kit.fetch(new Request(`${origin}v1/auth/${path}`, { method: 'POST', headers, body }), connection)
      }
      const [answer, nowhere] = [await ask('mock-login'), await ask('nowhere')]
      expect([answer.status, await answer.text()]).toEqual([404, await nowhere.text()])
    })

    test.each(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])('is there for %s', async address => {
      const connection = { timeout: () => undefined, requestIP: () => ({ address }) }
      const request = new Request('http://localhost/v1/auth/mock-login', { method: 'POST', body: '{"email":"a@b"}' })
      expect((await kit.fetch(request, connection)).status).toBe(200)
    })
  })
})
