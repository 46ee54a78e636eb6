import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { calls } from '../../src/upstream/call.ts'
import { claimsBy } from '../../src/upstream/cluster.ts'
import { DATA_KEY, runOn } from '../kit/database.ts'
import { devGateways } from '../kit/dev.ts'
import { booked } from '../kit/entries.ts'
import { twoServers } from '../kit/patroni.ts'
import { postgresServer, type Server } from '../kit/postgres.ts'
import { chunk, eventually, stages } from '../kit/stage.ts'

const { call } = calls()

let own: Server
beforeAll(async () => {
  own = await postgresServer()
}, 60_000)
afterAll(() => own.stop())

const { set, also, clear } = stages()
afterEach(clear)
const gateways = devGateways()
afterAll(gateways.clear)

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'

test('a stream outlives the database it began with, and is booked with its receipt in the next one, without a restart', async () => {
  const { patroni, first, second, moved, url } = await twoServers(own)
  also(patroni)
  const rest = Promise.withResolvers<void>()
  const { kit, get, post } = await set(
    async wire => {
      await wire.message()
      await wire.send(HEAD + chunk('data: one\n\n'))
      await rest.promise
      await wire.send(`${chunk('data: two\n\n')}0\r\n\r\n`)
    },
    {
      ...{ database: url, rpm: 600, concurrent: 8, isMeasured: true },
      cluster: { claims: claimsBy([`${patroni.url}/cluster`], call), refreshMs: 3_600_000 },
    },
  )
  const status = async (path: string) => (await fetch(kit.url + path)).status
  const stream = await post('{}')
  const reader = stream.body?.getReader()
  await reader?.read()

  await own.stop()
  const refused = await get()
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
  expect(await refused.json()).toMatchObject({ error: { code: 'database_unavailable' } })
  expect([await status('/readyz'), await status('/health')]).toEqual([503, 200])
  rest.resolve()
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('data: two\n\n')
  expect((await reader?.read())?.done).toBe(true)

  patroni.says = moved
  await eventually(async () => (await status('/readyz')) === 200)
  await eventually(async () => (await booked(second, 'ledger'))[0] === 1)
  expect(await booked(second, 'usage_hours')).toEqual(await booked(second, 'ledger'))
  expect(await runOn(second, 'SELECT id FROM receipts')).toEqual([{ id: stream.headers.get('x-receipt-id') }])
  expect(await kit.metrics()).toMatch(/^sealgate_database_primary_changes_total 1$/m)
  expect(await kit.metrics()).toMatch(/^sealgate_database_primary_age_seconds [\d.]+$/m)
  await own.start()
  expect((await booked(first, 'ledger'))[0]).toBe(0)
})

test('the executable finds the primary by any member, and without one ends with 1 and one line', async () => {
  const { patroni } = await twoServers(own)
  also(patroni)
  const env = {
    PATRONI_URLS: `http://127.0.0.1:1,${patroni.url}`,
    ...{ DATABASE_NAME: 'postgres', DATABASE_USER: 'postgres', DATABASE_TLS: 'off', DATA_KEY },
  }
  const gateway = await gateways.start(gateways.directory(), env, { settings: [] })
  expect(gateway.output()).toMatch(/ primary_found timeline=1$/m)
  expect(gateway.output()).not.toContain(new URL(own.url).port)
  expect([await gateway.ready(), (await gateway.models()).status]).toEqual([200, 200])
  expect(await gateway.stop()).toBe(0)
  patroni.says = []
  expect(await gateways.failing(gateways.directory(), { ...env, DATABASE_TLS: '' }, [])).toEqual({
    code: 1,
    said: 'sealgate: The database cluster cannot be used: none of its members is primary: start again when `patronictl list` shows a leader.\n',
  })
})
