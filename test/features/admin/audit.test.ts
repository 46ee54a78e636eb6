import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { userOwnerOf } from '../../../src/protocol/principal.ts'
import { type Account, account } from '../../kit/account.ts'
import { engines } from '../../kit/engines.ts'
import { type Owning, owning } from '../../kit/owning.ts'

interface Told {
  readonly entries: readonly {
    id: string
    at: string
    admin: string
    action: string
    about: unknown
    details: unknown
  }[]
  readonly total: number
}

describe.each(engines)('on $name', ({ fresh, kept }) => {
  let url: string
  let at: Owning
  let root: Account
  beforeAll(async () => {
    url = await fresh()
    at = await owning(url, { admins: { emails: ['root@example.com'] }, mockLogin: true })
    root = await account(at.kit, 'root@example.com')
  })
  afterAll(() => at.stop())

  const list = (query = '') => root.told<Told>('GET', `/admin/audit${query}`)

  test('what is changed is told the latest first, with who and when, and in no word of a prompt', async () => {
    const before = (await list()).total
    const began = Date.now()
    const changes: [string, string, unknown][] = [
      ['PATCH', '/admin/models', { 'Stand-in/small': { system_prompt: 'marked words', public: false } }],
      ['PATCH', '/admin/configs?force=true', { default_model: 'other' }],
      ['DELETE', '/admin/models/stand-in/small', undefined],
    ]
    for (const [method, path, body] of changes) {
      expect((await root.ask(method, path, body)).ok).toBe(true)
      await Bun.sleep(2)
    }
    // Nothing is done by these, and so nothing entered.
    expect((await root.ask('DELETE', '/admin/models/stand-in/small')).status).toBe(404)
    expect((await root.ask('PATCH', '/admin/models', { nowhere: { public: false } })).status).toBe(400)
    expect((await root.ask('PATCH', '/admin/configs', {})).status).toBe(200)
    expect((await root.ask('POST', '/admin/vpc/revoke')).status).toBe(404)

    const told = await list()
    const shared = { id: expect.any(String), at: expect.any(String), admin: userOwnerOf(root.user) }
    const details = { public: false, system_prompt: 'set' }
    expect(told).toMatchObject({ limit: 20, offset: 0, total: before + 3 })
    expect(told.entries.slice(0, 3)).toEqual([
      { ...shared, action: 'models.forget', about: 'stand-in/small', details: null },
      { ...shared, action: 'configs.change', about: null, details: { default_model: 'other' } },
      { ...shared, action: 'models.change', about: 'stand-in/small', details },
    ])
    for (const entry of told.entries.slice(0, 3)) {
      expect(new Date(entry.at).toISOString()).toBe(entry.at)
      expect(Date.parse(entry.at)).toBeWithin(began, Date.now() + 1)
    }
    const page = { entries: told.entries.slice(1, 2), limit: 1, offset: 1, total: before + 3 }
    expect(await list('?limit=1&offset=1')).toEqual(page)
    expect(await list(`?offset=${before + 3}`)).toMatchObject({ entries: [], total: before + 3 })
    expect(JSON.stringify(told)).not.toContain('marked words')
    expect((await kept(url)).includes('marked words')).toBe(false)
  })

  test('whoever does not administer learns nothing of it, and takes back no key', async () => {
    const eve = await account(at.kit, 'eve@example.com')
    for (const [method, path] of [['GET', '/admin/audit'] as const, ['POST', '/admin/vpc/revoke'] as const])
      expect(await eve.told(method, path)).toMatchObject({ error: { code: 'admin_required' } })
  })

  test('a key that is a setting cannot be taken back, and whoever asks is told so', async () => {
    expect(await root.told('POST', '/admin/vpc/revoke')).toMatchObject({
      error: { code: 'not_found', message: expect.stringContaining('VPC_SHARED_SECRET is not set') },
    })
  })

  test.each(['limit=0', 'offset=-1', 'after=x'])('the query %s is refused', async query => {
    expect(await root.told('GET', `/admin/audit?${query}`)).toMatchObject({ error: { code: 'invalid_query' } })
  })
})
