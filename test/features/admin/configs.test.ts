import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { type Account, account, by } from '../../kit/account.ts'
import { engines } from '../../kit/engines.ts'
import { type Owning, owning } from '../../kit/owning.ts'

describe('what operators tell front ends', () => {
  let at: Owning
  let root: Account
  beforeAll(async () => {
    at = await owning(await engines[0]!.fresh(), { admins: { emails: ['root@example.com'] }, mockLogin: true })
    root = await account(at.kit, 'root@example.com')
  })
  afterAll(() => at.stop())
  beforeEach(async () => {
    expect((await change({ default_model: null })).status).toBe(200)
  })

  const codeOf = async (answer: Response) =>
    answer.ok ? 'ok' : ((await answer.json()) as { error: { code: string } }).error.code
  const change = (body: unknown, query = '') => root.ask('PATCH', `/admin/configs${query}`, body)
  const told = () => root.told<unknown>('GET', '/configs')

  test('is null while nothing is set; then what is set, until null takes it back', async () => {
    expect([await told(), await root.told('GET', '/admin/configs')]).toEqual([null, {}])
    const config = { default_model: 'stand-in/small' }
    const changed = await change(config)
    expect([changed.headers.get('cache-control'), await changed.json()]).toEqual(['no-store', config])
    expect(await (await change({})).json()).toEqual(config)
    expect([await told(), await root.told('GET', '/admin/configs')]).toEqual([config, config])
    expect(await (await change({ default_model: null })).json()).toEqual({})
    expect(await told()).toBeNull()
  })

  test('is read by whoever is signed in, by session, JWT and API key alike, and changed by none of them', async () => {
    await change({ default_model: 'stand-in/small' })
    const user = await account(at.kit, 'eve@example.com')
    const { key } = await user.told<{ key: string }>('POST', '/users/me/keys', { name: 'laptop' })
    for (const caller of [user, await at.jwt('eve'), by(at.kit, `Bearer ${key}`)]) {
      expect(await caller.told('GET', '/configs')).toEqual({ default_model: 'stand-in/small' })
      for (const [method, body] of [['GET', undefined] as const, ['PATCH', { default_model: null }] as const])
        expect(await codeOf(await caller.ask(method, '/admin/configs', body))).toBe('admin_required')
    }
    expect(await told()).toEqual({ default_model: 'stand-in/small' })
  })

  test('steers no request: one that names no model goes up without', async () => {
    await change({ default_model: 'stand-in/small' })
    await root.ask('POST', '/responses', { input: 'Hello' })
    expect(at.heard.findLast(({ method }) => method === 'POST')?.body.toString()).toBe('{"input":"Hello"}')
  })

  test('names a model of a list, whatever the case of its letters, or another one by force', async () => {
    expect((await change({ default_model: 'STAND-IN/small' })).status).toBe(200)
    const refused = await change({ default_model: 'nowhere' })
    expect(await refused.json()).toMatchObject({
      error: {
        code: 'invalid_body',
        message:
          'Invalid body: the model it names is on no backend\'s list; with "?force=true" it is taken all the same.',
      },
    })
    expect(await told()).toEqual({ default_model: 'STAND-IN/small' })
    expect(await (await change({ default_model: 'nowhere' }, '?force=true')).json()).toEqual({
      default_model: 'nowhere',
    })
  })

  test.each<[string, unknown]>([
    ['another member', { default_model: 'stand-in/small', theme: 'dark' }],
    ['an empty id', { default_model: '' }],
    ['an id of two lines', { default_model: 'a\nb' }],
    ['an id that is too long', { default_model: 'x'.repeat(256) }],
    ['a number', { default_model: 1 }],
    ['a list', []],
  ])('%s is refused, by force too, and nothing is changed', async (_, body) => {
    expect(['invalid_body', 'malformed_json']).toContain(await codeOf(await change(body, '?force=true')))
    expect(await told()).toBeNull()
  })
})
