import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { userOwnerOf } from '../../../src/protocol/principal.ts'
import { type Account, account } from '../../kit/account.ts'
import { type Clock, clockAt } from '../../kit/clock.ts'
import { engines } from '../../kit/engines.ts'
import { identity } from '../../kit/identity.ts'
import { fileForm, type Owning, owning } from '../../kit/owning.ts'

interface Listed {
  readonly users: readonly { readonly id: string; readonly created_at: string }[]
  readonly total: number
}
interface Done {
  readonly activities: readonly { readonly activity_type: string; readonly created_at: string }[]
}

const DAY = 86_400_000

describe.each(engines)('on $name', ({ fresh, run }) => {
  let url: string
  let clock: Clock
  let at: Owning
  let root: Account
  beforeAll(async () => {
    url = await fresh()
    // Ahead of the kit's issuer, whose tokens are of the hour.
    clock = clockAt(Date.now() + 3_600_000)
    const admins = { emails: ['root@example.com'], scope: 'steer' }
    const more = { admins, mockLogin: true, isSealing: false, now: clock.now, activityDays: 10 }
    at = await owning(url, more)
    root = await account(at.kit, 'root@example.com')
  })
  afterAll(() => at.stop())

  const list = (query = '') => root.told<Listed>('GET', `/admin/users${query}`)
  const idsOf = ({ users }: Listed) => users.map(({ id }) => id)
  const saidBy = async (answer: Response) => {
    const { error } = (await answer.json()) as { error: { code: string; message: string } }
    return [answer.status, error.code, error.message]
  }
  const codeOf = async (answer: Response) => (await saidBy(answer))[1]

  describe('the list', () => {
    test('tells in pages each user once, the newest first, though some came in the same millisecond', async () => {
      const made: string[] = []
      for (let count = 0; count < 9; count++) {
        made.push((await account(at.kit, identity())).user)
        if (count % 4 === 3) clock.pass(1)
      }
      const whole = await list('?limit=100')
      expect(idsOf(whole)).toEqual(expect.arrayContaining(made))
      expect(whole.total).toBe(whole.users.length)
      const times = whole.users.map(user => user.created_at)
      expect(times).toEqual([...times].sort().reverse())
      for (const limit of [1, 2, 3, 7]) {
        const pages: string[] = []
        for (let offset = 0; offset < whole.total; offset += limit)
          pages.push(...idsOf(await list(`?limit=${limit}&offset=${offset}`)))
        expect(pages).toEqual(idsOf(whole))
      }
    })

    test('says how many there are past its end too, and shows each as they see themselves', async () => {
      const ada = await account(at.kit, identity({ name: 'Ada', avatarUrl: 'https://example.com/ada.png' }))
      const { total } = await list('?limit=1')
      expect(await list(`?limit=3&offset=${total}`)).toEqual({ users: [], limit: 3, offset: total, total } as Listed)
      const { user } = await ada.told<{ user: object }>('GET', '/users/me')
      expect(await list(`?q=${ada.user}`)).toEqual({
        users: [user],
        limit: 20,
        offset: 0,
        total: 1,
      } as object as Listed)
    })

    test('finds somebody by their address in whatever letters, their id or their owner', async () => {
      const email = `Ada+${crypto.randomUUID()}@Example.com`
      const ada = await account(at.kit, identity({ email }))
      const names = [email, email.toUpperCase(), ada.user, ada.user.toUpperCase(), userOwnerOf(ada.user)]
      for (const name of names) expect(idsOf(await list(`?q=${encodeURIComponent(name)}`))).toEqual([ada.user])
      expect(await list(`?q=${ada.user}&offset=1`)).toMatchObject({ users: [], total: 1 })
    })

    test('finds nobody by an address that nobody proved', async () => {
      const email = `${crypto.randomUUID()}@example.com`
      await account(at.kit, identity({ email, isProven: false }))
      for (const name of [email, crypto.randomUUID(), `u_${'0f'.repeat(16)}`])
        expect(await list(`?q=${name}`)).toMatchObject({ users: [], total: 0 })
    })

    const sought =
      '"q" must be a whole e-mail address (a "+" in it is written %2B), a user\'s id, or an owner, "u_" and 32 hex digits: what names people is sealed, and cannot be searched by its parts.'
    test.each([
      ['limit=0', '"limit" must be a whole number from 1 to 100.'],
      ['limit=101', '"limit" must be a whole number from 1 to 100.'],
      ['offset=-1', '"offset" must be a whole number from 0 to 9007199254740991.'],
      ['offset=9007199254740992', '"offset" must be a whole number from 0 to 9007199254740991.'],
      ['q=', sought],
      ['q=ada', sought],
      ['q=ada+b@example.com', sought],
      [`q=j_${'0f'.repeat(16)}`, sought],
      ['q=a@b&q=a@b', '"q" is given twice.'],
      ['name=ada', 'this route takes "limit", "offset" and "q", and nothing else.'],
    ])('does not take %s, and says why', async (query, why) => {
      const answer = await root.ask('GET', `/admin/users?${query}`)
      expect(await saidBy(answer)).toEqual([400, 'invalid_query', `Invalid query: ${why}`])
    })
  })

  describe('a user', () => {
    const find = (id: string) => root.told('GET', `/admin/users/${id}`)

    test('is told with how they come here, and nothing of what they have', async () => {
      const google = identity({ email: `${crypto.randomUUID()}@example.com` })
      const ada = await account(at.kit, google)
      const signedIn = new Date(clock.now()).toISOString()
      expect(await find(ada.user)).toEqual({
        user: (await ada.told('GET', '/users/me'))['user'],
        ...{ owner: userOwnerOf(ada.user), providers: ['google'], sessions: 1, keys: 0, last_active: signedIn },
      })
      clock.pass(1000)
      await at.kit.signIn(identity({ provider: 'github', issuer: 'https://github.com', email: google.email }))
      await ada.ask('POST', '/users/me/keys', { name: 'laptop' })
      await ada.ask('POST', '/users/me/keys', { name: 'phone', expires_in_days: 1 })
      clock.pass(1000)
      await (await ada.ask('POST', '/chat/completions', CHAT)).bytes()
      const counted = { providers: ['github', 'google'], sessions: 2, keys: 2 }
      expect(await find(ada.user.toUpperCase())).toMatchObject({
        ...counted,
        last_active: new Date(clock.now()).toISOString(),
      })
      clock.pass(DAY)
      expect(await find(ada.user)).toMatchObject({ ...counted, keys: 1 })
    })

    test('who never was is a 404, whatever is asked of them', async () => {
      for (const id of [crypto.randomUUID(), 'x', `u_${'0f'.repeat(16)}`])
        for (const [method, path] of [
          ['GET', ''],
          ['GET', '/activity'],
          ['DELETE', '/sessions'],
        ])
          expect(await codeOf(await root.ask(method ?? '', `/admin/users/${id}${path}`))).toBe('not_found')
    })

    test('who is deleted is told nowhere any more', async () => {
      const ada = await account(at.kit, identity({ email: `${crypto.randomUUID()}@example.com` }))
      const { total } = await list('?limit=1')
      expect((await ada.ask('DELETE', '/users/me', { confirm: ada.user })).status).toBe(204)
      const after = await list('?limit=100')
      expect([after.total, idsOf(after).includes(ada.user)]).toEqual([total - 1, false])
      expect(await list(`?q=${ada.user}`)).toMatchObject({ users: [], total: 0 })
      expect(await codeOf(await root.ask('GET', `/admin/users/${ada.user}`))).toBe('not_found')
    })
  })

  describe('their activity', () => {
    const done = (user: string, query = '') => root.told<Done>('GET', `/admin/users/${user}/activity${query}`)

    test('is what they did, the latest first, in ids', async () => {
      const ada = await account(at.kit, identity({ provider: 'github', issuer: 'https://github.com' }))
      clock.pass(1)
      const { id: conversation } = await ada.told('POST', '/conversations', {})
      clock.pass(1)
      const upload = { method: 'POST', headers: ada.headers, body: fileForm() }
      const { id: file } = (await (await fetch(`${at.kit.url}/v1/files`, upload)).json()) as { id: string }
      clock.pass(1)
      const asked = { model: 'stand-in/small', input: 'Hello' }
      const { id: response } = await ada.told('POST', '/responses', asked)
      clock.pass(1)
      await at.kit.signIn(identity({ provider: 'github', issuer: 'https://github.com' }))
      const now = clock.now()
      const row = (ago: number, activity_type: string, metadata: object | null, auth_method: string | null = null) => ({
        ...{
          id: expect.stringMatching(/^(?:[0-9a-f]{16}|rcpt_[0-9a-f]{64})$/),
          user_id: ada.user,
          activity_type,
          auth_method,
          metadata,
        },
        created_at: new Date(now - ago).toISOString(),
      })
      const rows = [
        row(1, 'response', { response_id: response }),
        row(2, 'file_upload', { file_id: file }),
        row(3, 'conversation', { conversation_id: conversation }),
        row(4, 'signup', null, 'github'),
      ]
      expect(await done(ada.user)).toEqual({
        user_id: ada.user,
        activities: rows,
        limit: 20,
        offset: 0,
      } as object as Done)
      const page = { user_id: ada.user, activities: rows.slice(1, 3), limit: 2, offset: 1 }
      expect(await done(ada.user, '?limit=2&offset=1')).toEqual(page as object as Done)
    })

    test('is told for as long as it is kept', async () => {
      const ada = await account(at.kit, identity())
      await (await ada.ask('POST', '/chat/completions', CHAT)).bytes()
      const owner = userOwnerOf(ada.user)
      clock.pass(10 * DAY)
      expect((await done(ada.user)).activities.map(it => it.activity_type).sort()).toEqual(['response', 'signup'])
      await at.kit.sweep()
      expect(await run(url, `SELECT kind FROM activity WHERE owner = '${owner}'`)).toEqual([{ kind: 'signup' }])
      clock.pass(1)
      expect((await done(ada.user)).activities).toEqual([])
      await at.kit.sweep()
      expect(await run(url, `SELECT kind FROM activity WHERE owner = '${owner}'`)).toEqual([])
      root = await account(at.kit, 'root@example.com')
    })

    test('goes back as far as 10,000 requests, whatever those were', async () => {
      const ada = await account(at.kit, identity())
      const [owner, first] = [userOwnerOf(ada.user), clock.now()]
      clock.pass(10_000)
      const columns = 'prompt_tokens, completion_tokens, cached_tokens, bytes_up, bytes_down, estimated'
      const requests = (route: string, from: number, to: number) =>
        run(
          url,
          `INSERT INTO ledger (owner, at, id, backend, route, status, ending, ${columns})
            WITH RECURSIVE each(n) AS (SELECT ${from} UNION ALL SELECT n + 1 FROM each WHERE n < ${to})
            SELECT '${owner}', ${first} + n, CAST(n AS TEXT), 'tinfoil', '${route}', 200, 'complete', 0, 0, 0, 0, 0, 0 FROM each`,
        )
      await requests('/v1/chat/completions', 0, 0)
      await requests('/v1/models', 1, 9999)
      expect((await done(ada.user)).activities.map(it => it.activity_type).sort()).toEqual(['response', 'signup'])
      await requests('/v1/models', 10_000, 10_000)
      expect((await done(ada.user)).activities).toEqual([])
    })

    test.each([
      ['limit=0', '"limit" must be a whole number from 1 to 100.'],
      ['offset=10001', '"offset" must be a whole number from 0 to 10000.'],
      ['q=a@b', 'this route takes "limit" and "offset", and nothing else.'],
    ])('does not take %s, and says why', async (query, why) => {
      const answer = await root.ask('GET', `/admin/users/${root.user}/activity?${query}`)
      expect(await saidBy(answer)).toEqual([400, 'invalid_query', `Invalid query: ${why}`])
    })
  })

  describe('their sessions', () => {
    test('end at once, those that are remembered too, and who did it is entered; keys stay', async () => {
      const who = identity()
      const ada = await account(at.kit, who)
      const again = await account(at.kit, who)
      const { key } = await ada.told<{ key: string }>('POST', '/users/me/keys', { name: 'laptop' })
      const eve = await account(at.kit, identity())
      const { authorization } = await at.kit.bearer('operator', 'steer', 1e9)
      const answer = await fetch(`${at.kit.url}/v1/admin/users/${ada.user}/sessions`, {
        ...{ method: 'DELETE', headers: { authorization } },
      })
      expect([answer.status, await answer.text()]).toEqual([204, ''])
      for (const { ask } of [ada, again]) expect(await codeOf(await ask('GET', '/users/me'))).toBe('session_not_found')
      expect((await eve.ask('GET', '/users/me')).status).toBe(200)
      expect((await fetch(`${at.kit.url}/v1/usage`, { headers: { authorization: `Bearer ${key}` } })).status).toBe(200)
      const { owner } = await at.jwt('operator')
      expect(await run(url, `SELECT admin, action, details FROM audit WHERE about = '${ada.user}'`)).toEqual([
        { admin: owner, action: 'sessions.end', details: null },
      ])
    })
  })
})

const CHAT = { model: 'stand-in/small', messages: [{ role: 'user', content: 'Hello' }] }
