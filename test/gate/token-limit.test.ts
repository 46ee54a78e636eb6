import { afterEach, describe, expect, test } from 'bun:test'
import { ownerOf } from '../../src/protocol/principal.ts'
import { deriveKeys } from '../../src/store/keys.ts'
import { clockAt } from '../kit/clock.ts'
import { countingUpstream } from '../kit/counting.ts'
import { DATA_KEY } from '../kit/database.ts'
import { engines } from '../kit/engines.ts'
import { booked, entry } from '../kit/entries.ts'
import { ISSUER, type KitOptions, startGateway } from '../kit/gateway.ts'
import { stages } from '../kit/stage.ts'

const { also, clear } = stages()
afterEach(clear)

const SECOND = 1000
const HOUR = 3600 * SECOND
/** 21 hours before the end of a day (UTC) after any on which this runs, and a token that is good then. */
const MORNING = Date.UTC(2049, 10, 22, 3)
const LONG = ['inference', 1e9] as const
/** An upstream that says so costs no tokens: what is used is what a test says. */
const FREE = { 'x-tinfoil-usage-metrics': 'prompt=0,completion=0,total=0' }

/** A gateway whose caller `ada` may be made to have used tokens, for its keys are known. */
async function start(database: string, options: Partial<KitOptions> = {}) {
  const clock = clockAt(MORNING)
  const upstream = also(countingUpstream(() => Response.json({}, { headers: FREE })))
  const kit = also(
    await startGateway({ upstream: upstream.url, tokenLimit: 100, now: clock.now, database, ...options }),
  )
  const root = Buffer.from(DATA_KEY, 'hex')
  const owner = ownerOf(deriveKeys({ root, overrides: { identity: undefined } }).identity, ISSUER, 'ada')
  const chat = async (route = '/v1/chat/completions') =>
    fetch(kit.url + route, { method: 'POST', body: '{}', headers: await kit.bearer('ada', ...LONG) })
  const get = async (route: string) => fetch(kit.url + route, { headers: await kit.bearer('ada', ...LONG) })
  const use = (tokens: number, at = clock.now()) =>
    kit.ledger.enter(entry({ owner, at, prompt: tokens, completion: 0 }))
  return { kit, clock, upstream, database, chat, get, use }
}

/** What an answer says of tokens. */
function told({ status, headers }: Response) {
  const limits = ['limit', 'remaining', 'reset'].map(name => headers.get(`x-ratelimit-${name}-tokens`))
  return [status, ...limits, headers.get('retry-after'), headers.get('x-should-retry')]
}

describe.each(engines)('on $name', ({ fresh }) => {
  describe('a limit of tokens', () => {
    test('is told with every answer that may cost some, and refuses once it is reached', async () => {
      const { chat, use, clock, upstream } = await start(await fresh())
      expect(told(await chat())).toEqual([200, '100', '100', '21h0m0s', null, null])
      use(60)
      expect(told(await chat())).toEqual([200, '100', '40', '21h0m0s', null, null])
      use(39)
      clock.pass(500)
      expect(told(await chat('/v1/embeddings'))).toEqual([200, '100', '1', '20h59m59.5s', null, null])
      const { length } = upstream.requests
      use(1)
      const refused = await chat()
      expect(told(refused)).toEqual([429, '100', '0', '20h59m59.5s', '75600', 'false'])
      expect(await refused.json()).toEqual({
        error: {
          message: 'Limit of 100 tokens a day (UTC) reached: try again in 20h59m59.5s.',
          type: 'rate_limit_error',
          param: null,
          code: 'token_limit_exceeded',
        },
      })
      use(1000)
      expect(told(await chat()).slice(0, 3)).toEqual([429, '100', '0'])
      expect(upstream.requests).toHaveLength(length)
    })

    test('keeps its word at midnight', async () => {
      const { chat, use, clock } = await start(await fresh())
      use(500)
      const wait = Number((await chat()).headers.get('retry-after')) * SECOND
      clock.pass(wait - 1)
      expect(told(await chat())).toEqual([429, '100', '0', '1ms', '1', 'false'])
      clock.pass(1)
      expect(told(await chat())).toEqual([200, '100', '100', '24h0m0s', null, null])
      use(7, clock.now() - 1)
      expect(told(await chat()).slice(0, 3)).toEqual([200, '100', '100'])
    })

    test('refuses only what costs tokens', async () => {
      const { get, use } = await start(await fresh())
      use(500)
      expect(told(await get('/v1/models'))).toEqual([200, null, null, null, null, null])
      expect(told(await get('/v1/usage'))).toEqual([200, null, null, null, null, null])
    })

    test('is for each caller alone', async () => {
      const { kit, use } = await start(await fresh())
      use(500)
      const init = { method: 'POST', body: '{}', headers: await kit.bearer('bob', ...LONG) }
      expect((await fetch(`${kit.url}/v1/chat/completions`, init)).status).toBe(200)
    })

    test('is shared by all on one database', async () => {
      const one = await start(await fresh())
      const other = await start(one.database)
      expect((await other.chat()).status).toBe(200)
      one.use(100)
      await one.kit.ledger.flush()
      expect(told(await other.chat()).slice(0, 3)).toEqual([429, '100', '0'])
    })

    test('gives back the rate token of what it refuses', async () => {
      const { chat, get, use } = await start(await fresh(), { rpm: 1, burst: 2 })
      use(100)
      expect((await chat()).status).toBe(429)
      expect((await chat()).status).toBe(429)
      expect((await get('/v1/models')).headers.get('x-ratelimit-remaining-requests')).toBe('1')
    })

    test('that is off is not told', async () => {
      const { chat, use } = await start(await fresh(), { tokenLimit: 0 })
      use(1e9)
      expect(told(await chat())).toEqual([200, null, null, null, null, null])
    })
  })

  test('what cannot be booked is not let through', async () => {
    const { kit, chat, get, upstream } = await start(await fresh(), { tokenLimit: 0 })
    await get('/v1/models')
    Object.defineProperty(kit.ledger, 'isFull', { value: true })
    const { length } = upstream.requests
    const refused = await chat()
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    expect(await refused.json()).toMatchObject({ error: { code: 'database_unavailable' } })
    expect((await get('/v1/models')).status).toBe(503)
    expect(upstream.requests).toHaveLength(length)
    expect((await fetch(`${kit.url}/health`)).status).toBe(200)
  })

  test('a failing upstream costs a caller no rate tokens, up to a whole bucket of them', async () => {
    const { chat, database, kit } = await start(await fresh(), {
      upstream: 'http://127.0.0.1:1',
      tokenLimit: 0,
      rpm: 1,
      burst: 2,
    })
    const statuses = []
    for (let at = 0; at < 6; at++) statuses.push((await chat()).status)
    // Two of the bucket, two given back; the fifth finds it empty, and a refusal takes nothing that could be given back.
    expect(statuses).toEqual([502, 502, 502, 502, 429, 429])
    await kit.ledger.flush()
    expect((await booked(database, 'ledger'))[0]).toBe(0)
  })

  test('each request that reaches the enclave is a row, and no other', async () => {
    const { chat, get, database, kit, clock } = await start(await fresh(), { tokenLimit: 0 })
    await chat()
    await (await get('/v1/models')).text()
    await get('/v1/usage')
    await get('/v1/nothing')
    await fetch(`${kit.url}/v1/models`)
    clock.pass(HOUR)
    await kit.ledger.flush()
    expect((await booked(database, 'ledger'))[0]).toBe(2)
  })
})
