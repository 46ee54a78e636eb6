import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { userOwnerOf } from '../../../src/protocol/principal.ts'
import { account } from '../../kit/account.ts'
import { engines } from '../../kit/engines.ts'
import { entry } from '../../kit/entries.ts'
import { type Kit, startGateway } from '../../kit/gateway.ts'
import { identity } from '../../kit/identity.ts'
import { eventually } from '../../kit/stage.ts'

let kit: Kit

const PATH = '/users/me/export'
interface Export {
  activity: { at: string; kind: string }[]
  usage: { at: string; id: string }[]
  usage_hours: { hour: string; requests: number }[]
  rate_limit: object[]
  open_requests: object[]
  keys: object[]
}

/** Books so many requests, some in the same millisecond. */
async function book(user: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++)
    kit.ledger.enter(
      entry({ owner: userOwnerOf(user), at: 1_767_225_600_000 + Math.floor(i / 3), cost: '0.000000000001' }),
    )
  await kit.ledger.flush()
}

describe.each(engines)('on $name', ({ fresh, run }) => {
  let url: string

  /** Enters so many sign-ins, some in the same millisecond. */
  async function enter(user: string, count: number): Promise<void> {
    const acts = Array.from(
      { length: count },
      (_, at) => `('${userOwnerOf(user)}', ${(at + 1) >> 1}, '${at}', 'login-${at}')`,
    )
    await run(url, `INSERT INTO activity (owner, at, id, kind) VALUES ${acts.join()}`)
  }

  beforeAll(async () => {
    url = await fresh()
    kit = await startGateway({
      upstream: 'http://127.0.0.1:1',
      concurrent: 1,
      rpm: 6000,
      burst: 100,
      database: url,
    })
  })
  afterAll(() => kit.stop())

  describe('an export', () => {
    test('holds all that is kept, and nothing that opens anything', async () => {
      const who = identity()
      const ada = await account(kit, who)
      const { key } = await ada.told<{ key: string }>('POST', '/users/me/keys', { name: 'laptop' })
      await ada.ask('PATCH', '/users/me/settings', { system_prompt: 'Be brief.' })
      await book(ada.user, 1)
      const answer = await ada.ask('GET', PATH)
      const text = await answer.text()
      expect([answer.headers.get('content-type'), answer.headers.get('cache-control')]).toEqual([
        'application/json',
        'no-store',
      ])
      expect(JSON.parse(text)).toEqual({
        user: expect.objectContaining({ id: ada.user, email: who.email, name: null }),
        linked_accounts: [{ provider: 'google', linked_at: expect.stringMatching(/Z$/) }],
        settings: expect.objectContaining({ system_prompt: 'Be brief.' }),
        sessions: [expect.objectContaining({ id: ada.session, auth_method: 'google', current: true })],
        keys: [expect.objectContaining({ name: 'laptop' })],
        rate_limit: [{ full_at: expect.stringMatching(/Z$/), refunds: 0, refunded_at: '1970-01-01T00:00:00.000Z' }],
        open_requests: [expect.objectContaining({ number: 1 })],
        activity: [{ at: expect.stringMatching(/Z$/), kind: 'signup', auth_method: 'google', about: null }],
        belongings: [],
        files: [],
        usage_hours: [expect.objectContaining({ hour: '2026-01-01T00:00:00.000Z', requests: 1, cost_pico: '1' })],
        usage: [expect.objectContaining({ at: '2026-01-01T00:00:00.000Z', prompt_tokens: 3, estimated: false })],
        receipts: [],
      })
      expect(text).not.toContain(key)
      expect(text).not.toContain(ada.headers.authorization.slice('Bearer '.length))
    })

    test('holds each row once, in order, however many pages they make, and nobody else’s', async () => {
      const [ada, eve] = [await account(kit, 'pages@example.com'), await account(kit, 'eve@example.com')]
      await book(eve.user, 3)
      await book(ada.user, 1501)
      await enter(ada.user, 401)
      const { activity, usage, usage_hours } = await ada.told<Export>('GET', PATH)
      expect(usage_hours.map(({ requests }) => requests)).toEqual([1501])
      expect(new Set(usage.map(({ id }) => id)).size).toBe(1501)
      const keys = usage.map(({ at, id }) => at + id)
      expect(keys).toEqual(keys.toSorted())
      expect([activity.length, new Set(activity.map(({ kind }) => kind)).size]).toEqual([402, 402])
      expect(activity.map(({ at }) => at)).toEqual(activity.map(({ at }) => at).toSorted())
    })

    test('gives its slot back when it has ended, when its client leaves amid it, and when it was only looked at', async () => {
      const ada = await account(kit, 'leaves@example.com')
      await book(ada.user, 5000)
      const leaving = new AbortController()
      const { headers } = ada
      const answer = await fetch(`${kit.url}/v1${PATH}`, { headers, signal: leaving.signal })
      const reader = answer.body!.getReader()
      await reader.read()
      leaving.abort()
      await reader.closed.catch(() => undefined)
      await eventually(async () => (await ada.ask('HEAD', PATH)).status === 200)
      await eventually(async () => (await ada.ask('GET', '/users/me')).status === 200)
      expect((await ada.told<Export>('GET', PATH)).usage).toHaveLength(5000)
      expect((await ada.ask('GET', '/users/me')).status).toBe(200)
    })
  })
})
