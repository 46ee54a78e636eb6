import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ownerOf, userOwnerOf } from '../../../src/protocol/principal.ts'
import { openStore } from '../../../src/store/open.ts'
import { type Account, account } from '../../kit/account.ts'
import { DATA_KEY, runOn } from '../../kit/database.ts'
import { engines } from '../../kit/engines.ts'
import { ISSUER, startGateway } from '../../kit/gateway.ts'
import { answerBytes, type Stage, stages } from '../../kit/stage.ts'

const { set, also, clear } = stages()
const database = await engines[0]!.fresh()
const ADMINS = { emails: ['root@example.com', 'other@example.com'], scope: 'steer' }
const OPTIONS = { database, admins: ADMINS, mockLogin: true, rpm: 600, burst: 1000, isMeasured: true }
const SOMEBODY = `j_${'0'.repeat(32)}`

let at: Stage
let root: Account
beforeAll(async () => {
  at = await set(answerBytes('200 OK', {}, '{}'), OPTIONS)
  root = await account(at.kit, 'root@example.com')
})
afterAll(clear)

const pathOf = (owner: string) => `/admin/owners/${owner}/ban`
const ban = (owner: string, body: unknown = { reason: 'Shares it.' }) => root.ask('POST', pathOf(owner), body)
const codeOf = async (answer: Response) =>
  answer.ok ? 'ok' : ((await answer.json()) as { error: { code: string } }).error.code

describe('a ban', () => {
  test('is told as it was made, replaced, lifted, and then there is none', async () => {
    const owner = `u_${'1'.repeat(32)}`
    const by = userOwnerOf(root.user)
    const moment = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    expect(await codeOf(await root.ask('GET', pathOf(owner)))).toBe('not_found')
    const first = { owner, reason: 'Shares it.\nTwice.', until: null, banned_at: moment, banned_by: by }
    expect(await (await ban(owner, { reason: 'Shares it.\nTwice.' })).json()).toEqual(first)
    const until = '2999-01-31T13:00:00+01:00'
    const second = { ...first, reason: 'x'.repeat(1000), until: '2999-01-31T12:00:00.000Z' }
    expect(await (await ban(owner, { reason: 'x'.repeat(1000), until })).json()).toEqual(second)
    const told = await root.ask('GET', pathOf(owner))
    expect([told.headers.get('cache-control'), await told.json()]).toEqual(['no-store', second])
    expect((await root.ask('DELETE', pathOf(owner))).status).toBe(204)
    expect(await codeOf(await root.ask('DELETE', pathOf(owner)))).toBe('not_found')
    expect(await codeOf(await root.ask('GET', pathOf(owner)))).toBe('not_found')
    const rows = await runOn<string>(database, `SELECT action, admin FROM audit WHERE about = '${owner}' ORDER BY id`)
    expect(rows.map(({ action, admin }) => [action, admin])).toEqual([
      ['owners.ban', by],
      ['owners.ban', by],
      ['owners.unban', by],
    ])
  })

  test.each<[string, unknown]>([
    ['no reason', {}],
    ['an empty reason', { reason: '' }],
    ['a blank reason', { reason: ' \n' }],
    ['a reason of 1001 characters', { reason: 'x'.repeat(1001) }],
    ['a reason that is no text', { reason: 7 }],
    ['half a letter', { reason: '\ud800' }],
    ['a moment that is past', { reason: 'x', until: '2026-01-31T12:00:00Z' }],
    ['a moment without an offset', { reason: 'x', until: '2999-01-31T12:00:00' }],
    ['a moment of another year than four digits can name', { reason: 'x', until: '9999-12-31T23:59:59-01:00' }],
    ['a number for a moment', { reason: 'x', until: 32_503_680_000_000 }],
    ['a member that nobody knows', { reason: 'x', owner: SOMEBODY }],
  ])('with %s is refused, and nobody is banned', async (_, body) => {
    expect(await codeOf(await ban(SOMEBODY, body))).toBe('invalid_body')
    expect(await codeOf(await root.ask('GET', pathOf(SOMEBODY)))).toBe('not_found')
  })

  test.each(['u_1', `a_${'0'.repeat(32)}`, `u_${'A'.repeat(32)}`, `u_${'0'.repeat(33)}`, `%75_${'0'.repeat(32)}`])(
    'of %s, which is no owner, is a 404',
    async owner => {
      for (const method of ['GET', 'POST', 'DELETE'])
        expect(
          await codeOf(await root.ask(method, pathOf(owner), method === 'POST' ? { reason: 'x' } : undefined)),
        ).toBe('not_found')
    },
  )

  test('takes no query, and nobody bans themselves', async () => {
    for (const method of ['GET', 'POST', 'DELETE'])
      expect(await codeOf(await root.ask(method, `${pathOf(SOMEBODY)}?force=true`))).toBe('invalid_query')
    const answer = await ban(userOwnerOf(root.user))
    expect(await answer.json()).toMatchObject({
      error: { code: 'invalid_body', message: expect.stringContaining('themselves') },
    })
    expect(await codeOf(await root.ask('GET', '/admin/models'))).toBe('ok')
  })

  test('is nothing that whoever does not administer may make, see or lift', async () => {
    const eve = await account(at.kit, 'eve@example.com')
    for (const method of ['GET', 'POST', 'DELETE'])
      expect(await codeOf(await eve.ask(method, pathOf(SOMEBODY)))).toBe('admin_required')
  })
})

/** What a user may ask though they are banned. A new line here is a decision: all else is refused. */
const THEIR_OWN = [
  'GET /v1/users/me',
  'DELETE /v1/users/me',
  'GET /v1/users/me/export',
  'GET /v1/users/me/settings',
  'POST /v1/users/me/settings',
  'PATCH /v1/users/me/settings',
  'GET /v1/users/me/sessions',
  'DELETE /v1/users/me/sessions',
  'DELETE /v1/users/me/sessions/:id',
  'GET /v1/users/me/keys',
  'POST /v1/users/me/keys',
  'DELETE /v1/users/me/keys/:id',
  'POST /v1/auth/logout',
]

describe('whoever is banned', () => {
  test('is refused on every route but those about their own account, before a limit is asked or the upstream', async () => {
    const { url: upstream, wires } = at.upstream
    const kit = also(await startGateway({ ...OPTIONS, upstream, cloud: upstream }))
    const other = await account(kit, 'other@example.com')
    const owner = userOwnerOf(other.user)
    expect(await codeOf(await other.ask('GET', '/admin/models'))).toBe('ok')
    await runOn(database, `DELETE FROM limits WHERE owner = '${owner}'`)
    await ban(owner)
    await kit.heedBans()
    const before = wires.length
    const open: string[] = []
    for (const { method, path } of kit.routes) {
      if (!path.startsWith('/v1/')) continue
      const url = kit.url + path.replaceAll(/:\w+|\*/g, 'x')
      const body = method === 'POST' ? '{}' : null
      if ((await fetch(url, { method, body })).headers.get('www-authenticate') !== 'Bearer') continue
      const name = `${method} ${path}`
      // What these would do, another test tells.
      if (THEIR_OWN.includes(name)) open.push(name)
      else expect([name, (await fetch(url, { method, body, headers: other.headers })).status]).toEqual([name, 403])
    }
    expect(open.sort()).toEqual(THEIR_OWN.toSorted())
    expect(await codeOf(await other.ask('GET', '/admin/models'))).toBe('account_restricted')
    expect(wires.length).toBe(before)
    expect(await runOn(database, `SELECT owner FROM limits WHERE owner = '${owner}'`)).toEqual([])
    expect(await kit.metrics()).toMatch(/sealgate_auth_failures_total\{reason="account_restricted"\} [1-9]/)
  })

  test('is refused by session, key and JWT, is told until when and never why, and may still see and delete what is theirs', async () => {
    const eve = await account(at.kit, `${crypto.randomUUID()}@example.com`)
    const { key } = await eve.told<{ key: string }>('POST', '/users/me/keys', { name: 'program' })
    const jwt = await at.kit.bearer('mallory', 'inference steer')
    const { keys, store } = await openStore({
      url: database,
      dataKey: Buffer.from(DATA_KEY, 'hex'),
      identityKey: undefined,
    })
    await store.close()
    const mallory = ownerOf(keys.identity, ISSUER, 'mallory')
    const models = (authorization: string) => fetch(`${at.kit.url}/v1/models`, { headers: { authorization } })
    const all = [eve.headers.authorization, `Bearer ${key}`, jwt.authorization]
    expect(await Promise.all(all.map(async each => (await models(each)).status))).toEqual([200, 200, 200])
    const until = '2999-01-31T12:00:00.000Z'
    for (const owner of [userOwnerOf(eve.user), mallory]) await ban(owner, { reason: 'hunter2', until })
    for (const each of all) {
      const answer = await models(each)
      const text = await answer.text()
      expect([answer.status, JSON.parse(text).error]).toEqual([
        403,
        {
          message: `This account is restricted until ${until}: turn to whoever operates this gateway.`,
          type: 'permission_error',
          param: null,
          code: 'account_restricted',
        },
      ])
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(1e9)
    }
    const steer = await fetch(`${at.kit.url}/v1/admin/models`, { headers: jwt })
    expect(await codeOf(steer)).toBe('account_restricted')
    expect(at.kit.lines.join('\n')).not.toContain('hunter2')
    expect((await eve.ask('GET', '/users/me/export')).status).toBe(200)
    expect((await eve.ask('DELETE', '/users/me', { confirm: eve.user })).status).toBe(204)
  })
})
