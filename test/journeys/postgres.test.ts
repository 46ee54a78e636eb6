import { afterAll, expect, test } from 'bun:test'
import { DATA_KEY, runOn } from '../kit/database.ts'
import { devGateways } from '../kit/dev.ts'
import { postgres } from '../kit/engines.ts'
import { booked } from '../kit/entries.ts'
import { type Kit, startGateway } from '../kit/gateway.ts'

const gateways = devGateways()
afterAll(gateways.clear)

const ENV = { ISSUER: 'https://shared.example', DATA_KEY, RATE_LIMIT_RPM: '1', RATE_LIMIT_BURST: '3' }

test('the executable serves on PostgreSQL, and a restart keeps limit and usage', async () => {
  const database = await postgres.fresh()
  const env = { ...ENV, DATABASE_URL: database }
  const start = () => gateways.start(gateways.directory(), env, { settings: [] })
  const first = await start()
  const chat = await fetch(`${first.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: first.authorization },
    body: JSON.stringify({
      model: 'any',
      stream: true,
      messages: [{ role: 'user', content: 'Hello from PostgreSQL' }],
    }),
  })
  expect(await chat.text()).toContain('"content":"PostgreSQL"')
  expect(await first.stop()).toBe(0)
  expect((await booked(database, 'ledger'))[0]).toBe(1)
  expect(await runOn(database, 'SELECT owner FROM slots')).toEqual([])

  const second = await start()
  const asked = async () => {
    const answer = await fetch(`${second.url}/v1/usage`, { headers: { authorization: second.authorization } })
    return { status: answer.status, said: await answer.json() }
  }
  expect(await asked()).toMatchObject({ status: 200, said: { total: { requests: 1 } } })
  expect([(await asked()).status, (await asked()).status]).toEqual([200, 429])
  expect(await second.stop()).toBe(0)
})

test('the executable that cannot reach PostgreSQL ends with 1 and one line, without a key with 2; neither shows a password', async () => {
  const DATABASE_URL = 'postgres://sealgate:hunter2@127.0.0.1:1/sealgate'
  const unreached = await gateways.failing(gateways.directory(), { DATABASE_URL, DATA_KEY }, [])
  expect(unreached).toEqual({
    code: 1,
    said: 'sealgate: The database postgres://127.0.0.1:1/sealgate cannot be used: nothing answers there. Check DATABASE_URL, or DATABASE_HOST and what goes with it.\n',
  })
  const { code, said } = await gateways.failing(gateways.directory(), { DATABASE_URL }, [])
  expect(code).toBe(2)
  expect(said).toContain('openssl rand -hex 32')
  expect(said).not.toContain('hunter2')
})

test('gateways whose clocks are 90 s apart share what they allow, and each goes by its own in its log', async () => {
  const database = await postgres.fresh()
  const start = (skew: number) =>
    startGateway({
      upstream: 'http://127.0.0.1:1',
      ...{ database, rpm: 1, burst: 2, concurrent: 8 },
      ...{ now: () => Date.now() + skew, isClockOff: true },
    })
  const [right, ahead] = [await start(0), await start(90_000)]
  const { authorization } = await right.signIn()
  const caller = { authorization }
  const asked = async ({ url }: Kit, path: string, headers = {}) => (await fetch(url + path, { headers })).status

  expect([await asked(right, '/v1/usage', caller), await asked(ahead, '/v1/usage', caller)]).toEqual([200, 200])
  expect([await asked(right, '/v1/usage', caller), await asked(ahead, '/v1/usage', caller)]).toEqual([429, 429])
  // Of public routes the addresses are counted: twenty at once.
  const all = await Promise.all(Array.from({ length: 20 }, () => asked(right, '/attestation')))
  expect(all).not.toContain(429)
  expect(await asked(ahead, '/attestation')).toBe(429)
  const [line = '{}'] = ahead.lines.slice(-1)
  expect(Date.parse(JSON.parse(line).time) - Date.now()).toBeGreaterThan(60_000)
  await Promise.all([right.stop(), ahead.stop()])
})
