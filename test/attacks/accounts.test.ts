import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Account, account, by } from '../kit/account.ts'
import { engines } from '../kit/engines.ts'
import { type Kit, startGateway } from '../kit/gateway.ts'

let kit: Kit
let ada: Account
let eve: Account
let key: { id: string; key: string }

const ACCOUNT = [
  ['GET', '/users/me'],
  ['DELETE', '/users/me'],
  ['GET', '/users/me/export'],
  ['GET', '/users/me/settings'],
  ['POST', '/users/me/settings'],
  ['PATCH', '/users/me/settings'],
  ['GET', '/users/me/sessions'],
  ['DELETE', '/users/me/sessions'],
  ['DELETE', `/users/me/sessions/${crypto.randomUUID()}`],
  ['GET', '/users/me/keys'],
  ['POST', '/users/me/keys'],
  ['DELETE', `/users/me/keys/${crypto.randomUUID()}`],
  ['POST', '/auth/logout'],
] as const

/** An answer without what is another each time. */
async function bytesOf(answer: Response): Promise<string> {
  // Those change from one request to the next, whatever is asked.
  const headers = [...answer.headers].filter(([name]) => !/^(date|x-request-id|x-ratelimit-.*)$/.test(name))
  return JSON.stringify([answer.status, headers, await answer.text()])
}

describe.each(engines)('on $name', ({ fresh, run, kept }) => {
  let url: string
  beforeAll(async () => {
    url = await fresh()
    kit = await startGateway({ upstream: 'http://127.0.0.1:1', database: url, mockLogin: true })
    ada = await account(kit, 'ada@example.com')
    eve = await account(kit, 'eve@example.com')
    key = await ada.told('POST', '/users/me/keys', { name: 'laptop' })
  })
  afterAll(() => kit.stop())

  describe('what is somebody else’s', () => {
    test.each<[string, (id: string) => Promise<Response>, () => string]>([
      ['a session', id => eve.ask('DELETE', `/users/me/sessions/${id}`), () => ada.session],
      ['a session to log out', id => eve.ask('POST', '/auth/logout', { session_id: id }), () => ada.session],
      ['a key', id => eve.ask('DELETE', `/users/me/keys/${id}`), () => key.id],
    ])('(%s) cannot be told from what never was, and stays', async (_, ask, id) => {
      const foreign = await bytesOf(await ask(id()))
      expect(foreign).toStartWith('[404,')
      expect(await bytesOf(await ask(crypto.randomUUID()))).toBe(foreign)
      expect((await ada.ask('GET', '/users/me')).status).toBe(200)
      expect((await by(kit, `Bearer ${key.key}`).ask('GET', '/usage')).status).toBe(200)
    })

    test.each(['x', '', '%00', '..', "'", 'sess_'])('is not reached by an odd id: %j', async id => {
      for (const what of ['sessions', 'keys'])
        expect((await eve.ask('DELETE', `/users/me/${what}/${id}`)).status).toBeOneOf([400, 404, 405])
      expect((await eve.ask('GET', '/users/me')).status).toBe(200)
    })

    test('is not in anybody’s lists', async () => {
      for (const list of ['/users/me/sessions', '/users/me/keys', '/users/me/export'])
        expect(await (await eve.ask('GET', list)).text()).not.toMatch(
          new RegExp(`${ada.user}|${ada.session}|${key.id}`),
        )
    })
  })

  describe('an account', () => {
    test.each(ACCOUNT)('%s %s is not for JWTs, nor for API keys', async (method, route) => {
      const { authorization } = await kit.bearer()
      for (const token of [authorization, `Bearer ${key.key}`]) {
        const { error } = await by(kit, token).told<{ error: object }>(method, route)
        expect(error).toMatchObject({ type: 'permission_error', code: 'session_required' })
      }
      expect((await ada.ask('GET', '/users/me')).status).toBe(200)
    })

    test('knows every route that is one', () => {
      const own = /^\/v1\/(users|auth)\/(?!providers$|mock-login$)/
      const routes = kit.routes.filter(({ path }) => own.test(path))
      const named = ACCOUNT.map(([method, route]) => `${method} /v1${route.replace(/[0-9a-f-]{36}/, ':id')}`)
      expect(routes.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(named.sort())
    })

    test('is opened by a token in its header, and nowhere else', async () => {
      const token = ada.headers.authorization.slice('Bearer '.length)
      const elsewhere = { cookie: `session=${token}; sess=${token}`, 'x-api-key': token, 'x-session-token': token }
      for (const target of [`${kit.url}/v1/users/me`, `${kit.url}/v1/users/me?token=${token}&access_token=${token}`]) {
        const answer = await fetch(target, { headers: elsewhere })
        expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
      }
    })

    test('tells five kinds of strangers apart', async () => {
      const told = async (authorization?: string) => {
        const answer = await fetch(`${kit.url}/v1/users/me`, authorization ? { headers: { authorization } } : {})
        const { error } = (await answer.json()) as { error: { code: string; message: string } }
        return [answer.status, error.code, answer.headers.get('www-authenticate'), error.message] as const
      }
      const invalid = 'Bearer error="invalid_token"'
      const old = await account(kit, 'old@example.com')
      await run(url, `UPDATE sessions SET expires_at = 1 WHERE id = '${old.session}'`)
      const five = [
        await told(),
        await told('Basic hunter2'),
        await told('Bearer sess_hunter2'),
        await told(`Bearer sess_${'0f'.repeat(16)}`),
        await told(old.headers.authorization),
      ]
      expect(five.map(([status, code, challenge]) => [status, code, challenge])).toEqual([
        [401, 'token_missing', 'Bearer'],
        [401, 'token_missing', 'Bearer'],
        [401, 'token_malformed', invalid],
        [401, 'session_not_found', invalid],
        [401, 'session_expired', invalid],
      ])
      expect(new Set(five.map(([, , , message]) => message)).size).toBe(5)
      expect(JSON.stringify(five)).not.toContain('hunter2')
    })
  })

  describe('the database', () => {
    test('has no byte of an address, a name, a prompt, a token or a key in anything it keeps', async () => {
      const marked = {
        email: 'Marked.Address@example.com',
        name: 'Marked Name',
        avatar_url: 'https://marked.example/avatar.png',
      }
      const login = await fetch(`${kit.url}/v1/auth/mock-login`, { method: 'POST', body: JSON.stringify(marked) })
      const { session_token } = (await login.json()) as { session_token: string }
      const user = by(kit, `Bearer ${session_token}`)
      await user.ask('PATCH', '/users/me/settings', { system_prompt: 'marked prompt' })
      const made = await user.told<{ key: string; id: string }>('POST', '/users/me/keys', { name: 'marked key name' })
      const stored = await kept(url)
      expect(stored.includes(made.id)).toBe(true)
      const secrets = [session_token, session_token.slice(5), made.key, made.key.slice(12)]
      for (const secret of [...Object.values(marked), 'marked', ...secrets])
        expect([secret, stored.includes(secret), stored.includes(secret.toLowerCase())]).toEqual([secret, false, false])
    })

    test.each([
      [
        'another row',
        `UPDATE users SET email = (SELECT email FROM users WHERE id = $eve) WHERE id = $grace`,
        '/users/me',
      ],
      ['another column', 'UPDATE users SET name = email WHERE id = $grace', '/users/me'],
      [
        'another table',
        'INSERT INTO user_settings SELECT id, email, 1 FROM users WHERE id = $grace',
        '/users/me/settings',
      ],
      ['plain text', `UPDATE users SET email = 'plain@example.com' WHERE id = $grace`, '/users/me'],
    ])('gives nothing away where a sealed value was moved: %s', async (_, statement, route) => {
      const grace = await account(kit, `${crypto.randomUUID()}@example.com`)
      await run(url, statement.replace('$eve', `'${eve.user}'`).replace('$grace', `'${grace.user}'`))
      const answer = await grace.ask('GET', route)
      const text = await answer.text()
      expect([answer.status, JSON.parse(text).error.code]).toEqual([500, 'internal'])
      expect(text).not.toMatch(/example\.com|f1\./)
      expect(kit.lines.at(-1)).not.toMatch(/example\.com|f1\./)
    })
  })
})
