import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { account } from '../../kit/account.ts'
import { type CloudGateway, CREATE, cloudGateways } from '../../kit/books.ts'
import { engines } from '../../kit/engines.ts'
import { startGateway } from '../../kit/gateway.ts'
import { eventually } from '../../kit/stage.ts'

const { start, also, clear } = cloudGateways()
afterAll(clear)

const NO_ID = `conv_${'0'.repeat(32)}`

describe.each(engines)('on $name', ({ fresh, run }) => {
  let [url, at] = ['', undefined as unknown as CloudGateway]
  beforeAll(async () => {
    url = await fresh()
    at = await start(url)
  })

  describe('a conversation that is begun', () => {
    test('goes up byte for byte, comes back as it was answered, and is booked and noted', async () => {
      const { ask, heard, cloud, kit } = at
      const body = '{ "metadata":{"n":1.0, "title":"\\u00e9"}}'
      const answer = await ask(`${CREATE}?x=%41`, { body }, 'grace')
      expect(answer.status).toBe(201)
      const text = await answer.text()
      const { id } = JSON.parse(text)
      expect(cloud.ids('conversations')).toEqual([id])
      expect(JSON.parse(text)).toEqual({
        id,
        object: 'conversation',
        created_at: expect.any(Number),
        metadata: { n: 1, title: 'é' },
      })
      const [up] = heard
      expect([up?.body.toString(), up?.query, up?.headers.get('x-request-id')]).toEqual([
        body,
        'x=%41',
        answer.headers.get('x-request-id'),
      ])
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(text)),
        'cache-control': 'no-store, no-transform',
        'x-sealgate-backend': 'openai',
        'x-sealgate-body': 'plaintext',
        'x-upstream-request-id': up?.id,
      })
      await kit.ledger.flush()
      const [booked] = await run(url, 'SELECT * FROM ledger')
      expect(booked).toMatchObject({ backend: 'openai', route: '/v1/conversations', status: 201, ending: 'complete' })
      expect(booked).toMatchObject({ bytes_up: body.length, bytes_down: Buffer.byteLength(text) })
      const [act] = await run(url, `SELECT * FROM activity WHERE about = '${id}'`)
      expect(act).toMatchObject({ owner: booked?.['owner'], kind: 'conversation', auth_method: null })
    })

    test('is its maker’s and nobody else’s', async () => {
      const { ask, begin, heard } = at
      const id = await begin('ada')
      const asked = heard.length
      const unknown = await ask(`DELETE /v1/conversations/${NO_ID}`)
      expect(unknown.status).toBe(404)
      const refusal = await unknown.text()
      const spellings = [id.slice(5), id.toUpperCase(), id.replace('_', '%5F')]
      for (const line of ['DELETE /v1/conversations/', 'POST /v1/conversations/']) {
        const clone = line.startsWith('POST') ? '/clone' : ''
        const answers = [await ask(`${line}${id}${clone}`, {}, 'eve')]
        for (const spelled of spellings) answers.push(await ask(`${line}${spelled}${clone}`, {}, 'ada'))
        for (const answer of answers) expect([answer.status, await answer.text()]).toEqual([404, refusal])
      }
      expect(heard).toHaveLength(asked)
      expect((await ask(`POST /v1/conversations/${id}/clone`, {}, 'ada')).status).toBe(201)
    })

    test('is made once under a key of the client’s, which no two callers share', async () => {
      const { ask, heard, books } = at
      const headers = { 'idempotency-key': 'mine' }
      const ids: unknown[] = []
      for (const who of ['kay', 'kay', 'mallory'])
        ids.push(Object(await (await ask(CREATE, { body: '{}', headers }, who)).json()).id)
      expect(ids[1]).toBe(ids[0])
      expect(new Set(ids).size).toBe(2)
      expect(heard.map(one => one.headers.get('idempotency-key'))).not.toContain('mine')
      expect((await books()).owned).toEqual(expect.arrayContaining([ids[0], ids[2]]))
      expect(await run(url, `SELECT kind FROM activity WHERE about = '${ids[0]}'`)).toHaveLength(1)
    })

    test('is in its user’s export, as theirs and as what they did', async () => {
      const ada = await account(at.kit, 'exports@example.com')
      const { id } = await ada.told<{ id: string }>('POST', '/conversations', {})
      const { activity, belongings } = await ada.told<Record<string, object[]>>('GET', '/users/me/export')
      expect(belongings).toMatchObject([{ kind: 'conversation', id }])
      expect(activity).toContainEqual(expect.objectContaining({ kind: 'conversation', about: id }))
    })

    test('is not asked for where its body names what is somebody else’s, is sealed, or is no object', async () => {
      const { ask, begin, heard, books } = at
      const conversation = await begin('ada')
      const asked = heard.length
      const foreign = await ask(CREATE, { body: JSON.stringify({ conversation }) }, 'eve')
      expect(foreign.status).toBe(404)
      const sealed = { 'ehbp-encapsulated-key': 'ab'.repeat(32) }
      expect((await ask(CREATE, { body: '{}', headers: sealed })).status).toBe(400)
      expect((await ask(CREATE, { body: '[]' })).status).toBe(400)
      expect(heard).toHaveLength(asked)
      expect((await books()).makings).toBe(0)
    })

    test('is the caller’s though they leave before the answer', async () => {
      const { ask, cloud, books } = at
      const [asked, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      const after = () => {
        asked.resolve()
        return goOn.promise
      }
      cloud.next({ on: 'POST conversations', after })
      const leaving = new AbortController()
      const gone = ask(CREATE, { body: '{}', signal: leaving.signal }, 'lea').catch(() => undefined)
      await asked.promise
      leaving.abort()
      await gone
      goOn.resolve()
      const id = cloud.ids('conversations').at(-1) ?? ''
      await eventually(async () =>
        Object.values((await books()).owned)
          .flat()
          .includes(id),
      )
    })
  })

  describe('a conversation that is deleted', () => {
    test('is gone at both, and the answer is the backend’s', async () => {
      const { ask, begin, cloud, books, heard } = at
      const id = await begin('dee')
      const answer = await ask(`DELETE /v1/conversations/${id}?x=%41`, {}, 'dee')
      expect(heard.at(-1)?.query).toBe('x=%41')
      expect(await answer.json()).toEqual({ id, object: 'conversation.deleted', deleted: true })
      expect(answer.headers.get('x-upstream-request-id')).toStartWith('req_')
      expect(cloud.ids('conversations')).not.toContain(id)
      expect((await books()).owned).not.toContain(id)
      expect((await ask(`DELETE /v1/conversations/${id}`, {}, 'dee')).status).toBe(404)
    })

    test('counts as deleted where it is gone already, since nothing could be written the first time', async () => {
      const { ask, begin, cloud, books } = at
      const id = await begin('dee')
      const after = () => run(url, 'ALTER TABLE belongings RENAME TO away')
      cloud.next({ on: 'DELETE conversations/{id}', after })
      expect((await ask(`DELETE /v1/conversations/${id}`, {}, 'dee')).status).toBe(503)
      await run(url, 'ALTER TABLE away RENAME TO belongings')
      expect(cloud.ids('conversations')).not.toContain(id)
      expect((await books()).owned).toContain(id)
      const answer = await ask(`DELETE /v1/conversations/${id}`, {}, 'dee')
      expect([answer.status, await answer.json()]).toEqual([200, { id, object: 'conversation.deleted', deleted: true }])
      expect((await books()).owned).not.toContain(id)
    })

    test('stays while the backend fails, refuses, or is not there', async () => {
      const { ask, begin, cloud, books } = at
      const id = await begin('dee')
      const on = 'DELETE conversations/{id}'
      for (const turn of [{ status: 500 }, { status: 409 }, { status: 401 }, { cut: 'before' as const }])
        cloud.next({ on, ...turn })
      const statuses: number[] = []
      for (let times = 0; times < 4; times++)
        statuses.push((await ask(`DELETE /v1/conversations/${id}`, {}, 'dee')).status)
      expect(statuses).toEqual([500, 409, 502, 502])
      expect((await books()).owned).toContain(id)
      expect((await ask(`DELETE /v1/conversations/${id}`, {}, 'dee')).status).toBe(200)
    })
  })

  test('what a deleted user had at the backend is deleted there, and nothing of anybody else', async () => {
    const { kit, cloud, begin, books } = at
    const other = await begin('eve')
    const ada = await account(kit)
    const before = cloud.ids('conversations')
    for (let n = 0; n < 3; n++) await ada.ask('POST', '/conversations', {})
    expect(cloud.ids('conversations')).toHaveLength(before.length + 3)
    expect((await ada.ask('DELETE', '/users/me', { confirm: ada.user })).status).toBe(204)
    await eventually(async () => (await books()).orphans.length === 3)
    await kit.reconcile()
    expect(cloud.ids('conversations')).toEqual(before)
    const { orphans, owned } = await books()
    expect(orphans).toEqual([])
    expect(owned).toContain(other)
  })
})

test('a gateway without such a backend has no conversations', async () => {
  const kit = also(await startGateway({ upstream: 'http://127.0.0.1:1' }))
  expect(kit.routes.filter(({ path }) => path.startsWith('/v1/conversations'))).toEqual([])
})
