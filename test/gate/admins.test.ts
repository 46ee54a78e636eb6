import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Identity } from '../../src/features/auth/provider.ts'
import type { AdminRule } from '../../src/gate/admins.ts'
import { engines } from '../kit/engines.ts'
import { type Kit, type KitOptions, startGateway } from '../kit/gateway.ts'
import { identity } from '../kit/identity.ts'

const NOWHERE = 'http://127.0.0.1:1'
const EMAILS = ['Root@Example.com']
const DOMAINS = ['Example.com']

/** A status by the admin's own list. */
async function asked(kit: Kit, headers: { authorization: string }): Promise<number> {
  return (await fetch(`${kit.url}/v1/admin/models`, { headers })).status
}

describe('a session', () => {
  const running = new Map<string, Promise<Kit>>()
  let database: string
  beforeAll(async () => {
    database = await engines[0]!.fresh()
  })
  afterAll(async () => {
    for (const kit of running.values()) await (await kit).stop()
  })

  async function gateway(admins: Partial<AdminRule>, options: Partial<KitOptions> = {}) {
    const rule = JSON.stringify([admins, options])
    const starting =
      running.get(rule) ?? startGateway({ upstream: NOWHERE, database, admins, mockLogin: true, ...options })
    running.set(rule, starting)
    const kit = await starting
    return async (who: string | Partial<Identity>) => {
      const meant = typeof who === 'string' ? who : identity({ subject: crypto.randomUUID(), ...who })
      return asked(kit, await kit.signIn(meant))
    }
  }

  test('whoever proved an address of the list administers, in whatever letters it is written', async () => {
    const as = await gateway({ emails: EMAILS })
    expect(await as({ provider: 'github', email: 'rOOT@example.com', isProven: true })).toBe(200)
    expect(await as('ROOT@EXAMPLE.COM')).toBe(200)
  })

  test.each<[string, Partial<Identity>]>([
    ['one that is only told', { provider: 'oidc', email: 'root@example.com', isProven: false }],
    ['none', { email: null, isProven: false }],
    ['one with a letter that Unicode folds', { email: 'root@e\u0445ample.com' }],
    ['one with two signs', { email: 'root@example.com@evil.example' }],
    ['one of the domain alone', { provider: 'google', email: 'eve@example.com', domain: 'example.com' }],
  ])('with %s nobody does', async (_, who) => {
    const as = await gateway({ emails: EMAILS, domains: DOMAINS })
    expect(await as(who)).toBe(403)
  })

  test('without a list of addresses it is Google’s word for a domain that counts, and no other', async () => {
    const as = await gateway({ domains: DOMAINS })
    const told = { email: 'eve@example.com', domain: 'EXAMPLE.com' }
    expect(await as({ ...told, provider: 'google' })).toBe(200)
    expect(await as({ ...told, provider: 'oidc' })).toBe(403)
    expect(await as({ ...told, provider: 'google', domain: null })).toBe(403)
    expect(await as({ ...told, provider: 'google', domain: 'sub.example.com' })).toBe(403)
  })

  test('a sign-in by mere word counts in dev mode alone, though a database remembers it', async () => {
    const as = await gateway({ emails: EMAILS }, { mockLogin: false })
    expect(await as('root@example.com')).toBe(403)
  })

  test('where nothing is listed nobody administers', async () => {
    const as = await gateway({})
    expect(await as({ provider: 'google', email: 'root@example.com', domain: 'example.com' })).toBe(403)
  })

  test('it is judged by its own sign-in, not by what another one proved', async () => {
    const as = await gateway({ emails: EMAILS })
    const account = { provider: 'google', subject: 'one', email: 'root@example.com' }
    expect(await as({ ...account, isProven: true })).toBe(200)
    expect(await as({ ...account, isProven: false })).toBe(403)
  })
})

describe('a token', () => {
  let kit: Kit
  beforeAll(async () => {
    kit = await startGateway({ upstream: NOWHERE, admins: { emails: EMAILS, scope: 'steer' }, mockLogin: true })
  })
  afterAll(() => kit.stop())

  test('administers by the operator’s scope, and by no part of it', async () => {
    const statuses = ['steer', 'inference steer', 'inference', 'steering', 'Steer'].map(async scope =>
      asked(kit, await kit.bearer('ada', scope)),
    )
    expect(await Promise.all(statuses)).toEqual([200, 200, 403, 403, 403])
  })

  test('that is an API key never does, though its user may', async () => {
    const root = await kit.signIn('root@example.com')
    const headers = { authorization: root.authorization }
    expect(await asked(kit, headers)).toBe(200)
    const body = JSON.stringify({ name: 'program' })
    const made = await fetch(`${kit.url}/v1/users/me/keys`, { method: 'POST', headers, body })
    const { key } = (await made.json()) as { key: string }
    const answer = await fetch(`${kit.url}/v1/admin/models`, { headers: { authorization: `Bearer ${key}` } })
    const { error } = (await answer.json()) as { error: { code: string } }
    expect([answer.status, error.code]).toEqual([403, 'admin_required'])
  })
})
