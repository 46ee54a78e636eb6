import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { userOwnerOf } from '../../../../src/protocol/principal.ts'
import { type Account, account } from '../../../kit/account.ts'
import { clockAt } from '../../../kit/clock.ts'
import { engines } from '../../../kit/engines.ts'
import { entry } from '../../../kit/entries.ts'
import { identity } from '../../../kit/identity.ts'
import { type Caller, type Owning, owning } from '../../../kit/owning.ts'

/** After any day on which this runs; a token that lasts is good then. */
const NOON = Date.UTC(2049, 10, 22, 12)
const DAY = 'start=2049-11-22&end=2049-11-23'

describe.each(engines)('on $name', ({ fresh }) => {
  let at: Owning
  let root: Account
  let ada: Account
  let eve: Caller
  beforeAll(async () => {
    const admins = { emails: ['root@example.com'] }
    at = await owning(await fresh(), { admins, mockLogin: true, now: clockAt(NOON).now })
    root = await account(at.kit, 'root@example.com')
    ada = await account(at.kit, identity({ email: 'ada@example.com' }))
    await account(at.kit, identity({ email: 'ada@example.com' }))
    eve = await at.jwt('eve')
    for (const owner of [userOwnerOf(ada.user), userOwnerOf(ada.user), eve.owner])
      at.kit.ledger.enter(entry({ owner, at: NOON, cost: '0.500000000000' }))
  })
  afterAll(() => at.stop())

  const told = (path: string) => root.told('GET', `/admin/analytics${path}`)
  const refusal = async (path: string, by: Pick<Account, 'ask'> = root) => {
    const answer = await by.ask('GET', `/admin/analytics${path}`)
    const { error } = (await answer.json()) as { error: { code: string; message: string } }
    return [answer.status, error.code, error.message] as const
  }

  test('a series tells at once of what waits in memory, and of hours in which nothing was', async () => {
    const query = 'bucket=hour&start=2049-11-22T11:00:00Z&end=2049-11-22T12:00:00.001Z'
    const none = { requests: 0, errors: 0, cut: 0, prompt_tokens: 0, completion_tokens: 0, cost: '0', callers: 0 }
    expect(await told(`/series?${query}`)).toEqual({
      bucket: 'hour',
      rows: [
        { at: '2049-11-22T11:00:00.000Z', ...none },
        {
          ...{ at: '2049-11-22T12:00:00.000Z', requests: 3, errors: 0, cut: 0 },
          ...{ prompt_tokens: 9, completion_tokens: 12, cost: '1.5', callers: 2 },
        },
      ],
    })
    const { bucket, rows } = await told(`/series?${DAY}`)
    expect([bucket, rows]).toEqual(['day', [expect.objectContaining({ requests: 3, callers: 2 })]])
  })

  test('the busiest are told with their addresses, where they are users', async () => {
    const last_active = new Date(NOON).toISOString()
    const [first, second] = [
      {
        ...{ owner: userOwnerOf(ada.user), user_id: ada.user, email: 'ada@example.com' },
        ...{ activity_count: 2, last_active },
      },
      { owner: eve.owner, user_id: null, email: null, activity_count: 1, last_active },
    ]
    const period = { period_start: '2049-11-22T00:00:00.000Z', period_end: '2049-11-23T00:00:00.000Z' }
    expect(await told(`/top-users?${DAY}`)).toEqual({ ...period, users: [first, second] })
    expect(await told(`/top-users?${DAY}&limit=1`)).toEqual({ ...period, users: [first] })
  })

  test('the overview counts who there is, who came, and what they made', async () => {
    await eve.ask('POST', '/conversations', {})
    await at.filed(eve)
    expect(await told(`?${DAY}`)).toEqual({
      period_start: '2049-11-22T00:00:00.000Z',
      period_end: '2049-11-23T00:00:00.000Z',
      user_metrics: { total_users: 2, new_users: 2, active_users: 2, total_logins: 1, total_signups: 2 },
      activity_metrics: { total_responses: 3, total_conversations: 1, total_file_uploads: 1 },
      by_auth_method: [
        { auth_method: 'google', user_count: 1, login_count: 1, signup_count: 1 },
        { auth_method: 'mock', user_count: 1, login_count: 0, signup_count: 1 },
      ],
    })
    expect(await told('?start=2049-11-22T12:00:00.001Z&end=2049-11-23')).toMatchObject({
      user_metrics: { total_users: 2, new_users: 0, active_users: 0, total_logins: 0, total_signups: 0 },
      activity_metrics: { total_responses: 0, total_conversations: 0, total_file_uploads: 0 },
      by_auth_method: [],
    })
  })

  test('nothing of it is stored on its way', async () => {
    for (const path of ['', '/series', '/top-users'])
      expect((await root.ask('GET', `/admin/analytics${path}?${DAY}`)).headers.get('cache-control')).toBe('no-store')
  })

  test.each([
    ['', '"start" must be given: a date'],
    ['/series?start=2049-11-22', '"end" must be given: a date'],
    ['/top-users?start=yesterday&end=2049-11-22', '"start" must be a date'],
    ['?start=2049-11-22&end=', '"end" must be a date'],
    ['?start=2049-11-22&end=2049-11-22', '"start" must be before "end".'],
    ['?start=2049-11-22&end=2049-11-23&limit=1', 'this route takes "start" and "end", and nothing else.'],
    [`/top-users?${DAY}&limit=0`, '"limit" must be a whole number from 1 to 100.'],
    [`/top-users?${DAY}&limit=101`, '"limit" must be a whole number from 1 to 100.'],
    [`/series?${DAY}&bucket=week`, '"bucket" must be one of hour, day.'],
    ['/series?bucket=hour&start=2049-01-01&end=2049-02-11T16:00:00.001Z', 'that would be 1001 rows, and 1000'],
  ])('%s is refused: %s', async (path, why) => {
    const [status, code, message] = await refusal(path)
    expect([status, code]).toEqual([400, 'invalid_query'])
    expect(message).toContain(why)
  })

  test('a thousand rows are told', async () => {
    const { rows } = await told('/series?bucket=hour&start=2049-01-01&end=2049-02-11T16:00:00Z')
    expect(rows).toHaveLength(1000)
  })
})
