import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Identity } from '../../src/features/auth/provider.ts'
import { userOwnerOf } from '../../src/protocol/principal.ts'
import { type Account, account, by } from '../kit/account.ts'
import { hurl } from '../kit/attack.ts'
import { engines } from '../kit/engines.ts'
import { identity } from '../kit/identity.ts'
import { type Owning, owning } from '../kit/owning.ts'
import { requestBytes } from '../kit/raw.ts'

const [ROOT, SECOND] = ['root@example.com', 'second@example.com']
const oidc = { provider: 'oidc', issuer: 'https://oidc.example' }

/** Who does not administer, where the list names one address; each by how they come to it. */
const OUTSIDERS: Readonly<Record<string, Partial<Identity>>> = {
  'a session': { email: 'eve@example.com' },
  'an address of two signs': { email: `${ROOT}@evil.example` },
  'an address of two signs, the other way round': { email: `eve@evil.example@example.com` },
  'an address with a space': { email: `${ROOT} ` },
  'an address with a letter of another alphabet': { email: 'r\u043eot@example.com' },
  'an address that nobody verified': { provider: 'github', email: ROOT, isProven: false },
  'the word of an OIDC issuer without trust': { ...oidc, email: ROOT, isProven: false },
  'a domain where addresses are listed': { email: 'eve@example.com', domain: 'example.com' },
  'no address': { email: null, isProven: false, name: ROOT },
}

/** The same, where domains are listed. */
const STRANGERS: Readonly<Record<string, Partial<Identity>>> = {
  'a session': { email: 'eve@evil.example' },
  'an address of the domain that Google does not vouch for': { email: ROOT },
  'a domain by another provider': { ...oidc, email: ROOT, domain: 'example.com' },
  'a domain within it': { email: 'eve@a.example.com', domain: 'a.example.com' },
  'a domain that ends so': { email: 'eve@notexample.com', domain: 'notexample.com' },
  'a domain that begins so': { email: 'eve@example.com.evil', domain: 'example.com.evil' },
}

/** Ways of writing the path of one route that Elysia, a proxy or a decoder could take for it. */
const tricks = (path: string): string[] => [
  ...[`${path}/`, `${path}//`, `/${path}`, `${path}%2f`, `${path};x`, `${path}%00`, `${path}/.`, `${path}\\`],
  ...[path.toUpperCase(), path.replace('/admin', '/%61dmin'), path.replace('/admin/', '/admin%2f')],
  ...[path.replace('/admin', '/users/me/../../admin'), path.replace('/admin', '//admin')],
  ...[path.replace('/v1', '/v1/.'), path.replace('/v1', '/health/../v1'), `http://x${path}`],
]
const OVERRIDES = ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override']
const REWRITES = ['X-Original-URL', 'X-Rewrite-URL', 'X-Forwarded-Uri', 'X-Forwarded-Prefix']

const sqlite = engines[0]!

describe.each([
  ['an address is listed', { emails: [ROOT, SECOND] }, OUTSIDERS, { email: ROOT }],
  ['a domain is listed', { domains: ['example.com'] }, STRANGERS, { email: 'root@x.example', domain: 'example.com' }],
] as const)('where %s', (_, admins, people, admin) => {
  let at: Owning
  let root: Account
  beforeAll(async () => {
    at = await owning(await sqlite.fresh(), { admins: { ...admins, scope: 'gateway:admin' }, isMeasured: true })
    root = await account(at.kit, identity(admin))
  })
  afterAll(() => at.stop())

  const routes = () =>
    at.kit.routes
      .filter(({ path }) => path.startsWith('/v1/admin'))
      .map(({ method, path }) => [method, path.replaceAll(/:\w+/g, 'x').replaceAll('*', 'x')] as const)
  const statements = async () =>
    [...(await at.kit.metrics()).matchAll(/^db_client_operation_duration_seconds_count\S* (\d+)$/gm)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    )
  const codeOf = async (answer: Response) => ((await answer.json()) as { error: { code: string } }).error.code
  const send = (method: string, path: string, headers: Record<string, string> = {}) =>
    fetch(at.kit.url + path, { method, headers, body: method === 'GET' || method === 'HEAD' ? null : '{}' })

  async function banned(): Promise<string> {
    const { authorization, user } = await at.kit.signIn(identity({ ...admin, email: SECOND }))
    const service = by(at.kit, (await at.kit.bearer('service', 'gateway:admin')).authorization)
    const ban = await service.ask('POST', `/admin/owners/${userOwnerOf(user)}/ban`, { reason: 'x' })
    expect(ban.status).toBe(200)
    return authorization
  }

  /** Every credential that does not administer, known here already, so that asking who it is reads no row. */
  async function credentials(): Promise<(readonly [name: string, authorization: string, code: string])[]> {
    const sessions = Object.entries(people).map(async ([name, who]) => {
      return [name, (await at.kit.signIn(identity(who))).authorization, 'admin_required'] as const
    })
    const { key } = await root.told<{ key: string }>('POST', '/users/me/keys', { name: 'x' })
    const jwts = ['inference', 'inference gateway', 'inference gateway:admins', 'inference GATEWAY:ADMIN'].map(
      async scope => {
        return [`a JWT for ${scope}`, (await at.kit.bearer(ROOT, scope)).authorization, 'admin_required'] as const
      },
    )
    const all = [
      ...(await Promise.all([...sessions, ...jwts])),
      ['a key of who administers', `Bearer ${key}`, 'admin_required'] as const,
      ['an administrator who is banned', await banned(), 'account_restricted'] as const,
    ]
    for (const [, authorization] of all) await send('GET', '/v1/usage', { authorization }).then(it => it.bytes())
    return all
  }

  test('whoever administers is let in, and so the others are kept out by who they are', async () => {
    expect(routes().length).toBeGreaterThan(2)
    for (const [method, path] of routes().filter(([method]) => method === 'GET'))
      expect([path, (await send(method, path, root.headers)).status]).not.toEqual([path, 403])
    const scoped = by(at.kit, (await at.kit.bearer('service', 'gateway:admin')).authorization)
    expect((await scoped.ask('GET', '/admin/models')).status).toBe(200)
  })

  test('every route refuses everybody else, and reads no row for it', async () => {
    const all = [['nobody', '', 'token_missing'] as const, ...(await credentials())]
    const [before, heard] = [await statements(), at.heard.length]
    expect(before).toBeGreaterThan(0)
    const asked = routes().flatMap(([method, path]) => all.map(as => ({ method, path, as })))
    for (const { method, path, as } of asked) {
      const [name, authorization, code] = as
      const answer = await send(method, path, authorization === '' ? {} : { authorization })
      const status = code === 'token_missing' ? 401 : 403
      expect([method, path, name, answer.status, await codeOf(answer)]).toEqual([method, path, name, status, code])
    }
    expect([await statements(), at.heard.length]).toEqual([before, heard])
  })

  test('no other spelling of a path leads there', async () => {
    const { authorization } = await at.kit.signIn(identity(people['a session']))
    await send('GET', '/v1/usage', { authorization }).then(it => it.bytes())
    const before = await statements()
    for (const [method, path] of routes())
      for (const spelling of tricks(path)) {
        const bytes = requestBytes(`${method} ${spelling}`, { authorization, 'content-length': '0' })
        const { statuses } = await hurl(at.kit.url, bytes)
        expect([method, spelling, statuses.every(status => status >= 400)]).toEqual([method, spelling, true])
      }
    expect(await statements()).toBe(before)
  })

  test('no header turns another request into one of these', async () => {
    const { authorization } = await at.kit.signIn(identity(people['a session']))
    for (const [method, path] of routes()) {
      for (const name of OVERRIDES) {
        const answer = await send('POST', `/v1/admin/models?_method=${method}`, { authorization, [name]: method })
        expect([name, answer.status >= 400]).toEqual([name, true])
        await answer.bytes()
      }
      for (const name of REWRITES) {
        const answer = await send('GET', '/health', { authorization, [name]: path })
        expect(await answer.json()).toHaveProperty('backends')
      }
    }
  })
})
