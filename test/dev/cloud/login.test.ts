import { afterEach, describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { CLOUD_KEY, clouds, refusal } from '../../kit/cloud.ts'

const { start, clear } = clouds()

afterEach(clear)

describe('a login at the stand-in', () => {
  const secret = 'a shared secret'
  const at = 1_700_000_000
  const login = { timestamp: at, signature: sign(at), client_id: 'chat-api-client' }

  function sign(timestamp: number, key = secret) {
    return createHmac('sha256', key).update(`${timestamp}`).digest('hex')
  }

  test('gives a key each time, which is good until it is revoked', async () => {
    const { cloud, ask } = await start({ secret, now: () => at * 1000 })
    const keyOf = async () => {
      const answer = (await (await ask('POST auth/vpc/login', login, '')).json()) as {
        api_key: string
        organization: { id: string }
      }
      expect(answer.organization.id).toBe('org-chat-api-client')
      return answer.api_key
    }
    const statuses = (keys: string[]) =>
      Promise.all(keys.map(async key => (await ask('GET models', undefined, `Bearer ${key}`)).status))
    const [first, second] = [await keyOf(), await keyOf()]
    expect(await statuses([first, second])).toEqual([200, 200])
    cloud.revoke()
    expect(await statuses([first, second, CLOUD_KEY, await keyOf()])).toEqual([401, 401, 200, 200])
    expect(cloud.counts.get('POST auth/vpc/login')).toBe(3)
  })

  test('needs the secret and a clock that goes right', async () => {
    const { ask } = await start({ secret, now: () => at * 1000 })
    const status = async (body: object) => (await ask('POST auth/vpc/login', { ...login, ...body }, '')).status
    const signed = (timestamp: number) => status({ timestamp, signature: sign(timestamp) })
    expect([await signed(at - 30), await signed(at + 30)]).toEqual([200, 200])
    expect([await signed(at - 31), await signed(at + 31)]).toEqual([401, 401])
    expect(await status({ signature: sign(at, 'another') })).toBe(401)
    expect(await status({ signature: 'short' })).toBe(401)
    expect(await status({ timestamp: `${at}` })).toBe(401)
    expect(await status({ client_id: '' })).toBe(400)
  })

  test('is refused to everybody where no secret is set', async () => {
    const { ask } = await start()
    expect((await ask('POST auth/vpc/login', { ...login, timestamp: 0 }, '')).status).toBe(401)
  })

  test.each(['', 'Bearer other', `Basic ${CLOUD_KEY}`, `bearer ${CLOUD_KEY}`])(
    'opens nothing to %j',
    async authorization => {
      const { ask } = await start()
      for (const line of ['GET models', 'POST conversations', 'GET nothing']) {
        const answer = await ask(line, undefined, authorization)
        expect(answer.status).toBe(401)
        expect(await answer.json()).toEqual(refusal('Invalid or expired API key', { code: 'invalid_api_key' }))
      }
    },
  )
})
