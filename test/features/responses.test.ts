import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { account } from '../kit/account.ts'
import { type CloudGateway, cloudGateways } from '../kit/books.ts'
import { engines } from '../kit/engines.ts'
import { startGateway } from '../kit/gateway.ts'
import { eventually } from '../kit/stage.ts'

const { start, also, clear } = cloudGateways()
afterAll(clear)

const BODY = JSON.stringify({ model: 'stand-in/small', input: 'Hello there' })

describe.each(engines)('on $name', ({ fresh, run }) => {
  let [url, at] = ['', undefined as unknown as CloudGateway]
  beforeAll(async () => {
    url = await fresh()
    at = await start(url, { stand: { pace: 0 } })
  })

  /** A response of that caller's; gives its id. */
  const respond = async (who = 'ada') => {
    const answer = await at.ask('POST /v1/responses', { body: BODY }, who)
    return Object(await answer.json()).id as string
  }

  test('a response is read, with what it was given, and whatever the query asks is asked', async () => {
    const { ask, heard } = at
    const id = await respond()
    const one = await ask(`GET /v1/responses/${id}?include=a%2Cb`)
    expect([one.status, Object(await one.json()).id]).toEqual([200, id])
    expect(heard.at(-1)).toMatchObject({ path: `/v1/responses/${id}`, query: 'include=a%2Cb' })
    const items = await ask(`GET /v1/responses/${id}/input_items?limit=1`)
    expect(Object(await items.json()).data).toHaveLength(1)
    expect(heard.at(-1)?.query).toBe('limit=1')
  })

  test('what may not be cancelled is refused by the backend, in its own words', async () => {
    const answer = await at.ask(`POST /v1/responses/${await respond()}/cancel`)
    expect([answer.status, Object(await answer.json()).error.message]).toEqual([
      400,
      'Cannot cancel a response that is completed.',
    ])
  })

  test('a response that is deleted is gone at both, and one that is gone there counts as deleted', async () => {
    const { ask, cloud, books } = at
    const id = await respond()
    const after = () => run(url, 'ALTER TABLE belongings RENAME TO away')
    cloud.next({ on: 'DELETE responses/{id}', after })
    expect((await ask(`DELETE /v1/responses/${id}`)).status).toBe(503)
    await run(url, 'ALTER TABLE away RENAME TO belongings')
    expect(cloud.ids('responses')).not.toContain(id)
    const answer = await ask(`DELETE /v1/responses/${id}`)
    expect([answer.status, await answer.json()]).toEqual([200, { id, object: 'response', deleted: true }])
    expect((await books()).owned).not.toContain(id)
    expect((await ask(`DELETE /v1/responses/${id}`)).status).toBe(404)
  })

  test('a response that the backend does not keep is its caller’s all the same, until they delete it', async () => {
    const { ask, books } = at
    const answer = await ask('POST /v1/responses', { body: JSON.stringify({ ...JSON.parse(BODY), store: false }) })
    const { id } = Object(await answer.json())
    const gone = await ask(`GET /v1/responses/${id}`)
    expect([gone.status, gone.headers.get('x-sealgate-backend')]).toEqual([404, 'openai'])
    expect((await books()).owned).toContain(id)
    expect((await ask(`DELETE /v1/responses/${id}`)).status).toBe(200)
    expect((await books()).owned).not.toContain(id)
  })

  test('what is asked of one may not be sealed', async () => {
    const asked = at.heard.length + 1
    const headers = { 'ehbp-encapsulated-key': 'ab'.repeat(32) }
    const answer = await at.ask(`GET /v1/responses/${await respond()}`, { headers })
    expect([answer.status, Object(await answer.json()).error.code]).toEqual([400, 'sealed_body_refused'])
    expect(at.heard).toHaveLength(asked)
  })

  test('what a deleted user was answered is deleted at the backend', async () => {
    const { kit, cloud, books } = at
    const before = cloud.ids('responses')
    const eve = await account(kit, 'eve@example.com')
    await eve.ask('POST', '/responses', JSON.parse(BODY))
    expect(await (await eve.ask('GET', '/users/me/export')).text()).toContain(cloud.ids('responses').at(-1) ?? '')
    expect((await eve.ask('DELETE', '/users/me', { confirm: eve.user })).status).toBe(204)
    await eventually(async () => (await books()).orphans.length === 1)
    await kit.reconcile()
    expect(cloud.ids('responses')).toEqual(before)
  })
})

test('a response is read as a stream where that is asked for', async () => {
  const events = ['event: response.created\ndata: {"response":{"id":"resp_1"}}\n\n', 'data: 2\n\n']
  const more = Promise.withResolvers<void>()
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: ({ method, url }) => {
      if (method === 'POST') return Response.json({ id: 'resp_1' })
      expect(url).toEndWith('/v1/responses/resp_1?stream=true')
      const body = async function* () {
        yield Buffer.from(events[0] ?? '')
        await more.promise
        yield Buffer.from(events[1] ?? '')
      }
      return new Response(body() as never, { headers: { 'content-type': 'text/event-stream' } })
    },
  })
  also({ stop: () => server.stop(true) })
  const kit = also(await startGateway({ upstream: server.url.origin, isSealing: false, cloud: server.url.origin }))
  const headers = await kit.bearer()
  await (await fetch(`${kit.url}/v1/responses`, { method: 'POST', headers, body: BODY })).text()
  const answer = await fetch(`${kit.url}/v1/responses/resp_1?stream=true`, { headers })
  const reader = answer.body!.getReader()
  expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe(events[0] ?? '')
  more.resolve()
  expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe(events[1] ?? '')
})

test('a gateway without such a backend keeps no responses', async () => {
  const kit = also(await startGateway({ upstream: 'http://127.0.0.1:1' }))
  expect(kit.routes.filter(({ path }) => path.startsWith('/v1/responses/:'))).toEqual([])
})
