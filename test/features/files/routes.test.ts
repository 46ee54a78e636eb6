import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { userOwnerOf } from '../../../src/protocol/principal.ts'
import { account } from '../../kit/account.ts'
import { withCorpus } from '../../kit/data.ts'
import { engines } from '../../kit/engines.ts'
import { startGateway } from '../../kit/gateway.ts'
import { type Caller, fileForm, type Owning, owning } from '../../kit/owning.ts'
import { eventually } from '../../kit/stage.ts'

const EMPTY = { object: 'list', data: [], has_more: false }
const NO_ID = `file-${'0'.repeat(36)}`

interface Told {
  readonly id: string
  readonly filename: string
  readonly purpose: string
}

interface Page {
  readonly object: string
  readonly data: readonly Told[]
  readonly first_id?: string
  readonly last_id?: string
  readonly has_more: boolean
}

describe.each(engines)('on $name', ({ fresh, run }) => {
  let [url, at, ada] = ['', undefined as unknown as Owning, undefined as unknown as Caller]
  beforeAll(async () => {
    url = await fresh()
    at = await owning(url)
  })
  afterAll(() => at.stop())
  beforeEach(async () => {
    ada = await at.jwt(crypto.randomUUID())
  })

  const send = ({ headers }: Caller, body: FormData | string, more: Record<string, string> = {}) =>
    fetch(`${at.kit.url}/v1/files`, { method: 'POST', body, headers: { ...headers, ...more } })
  const list = (query = '') => ada.told<Page>('GET', `/files${query}`)

  describe('a file that is uploaded', () => {
    test('goes up byte for byte, comes back as it was answered, and is booked and noted', async () => {
      const body =
        '--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n--x\r\nContent-Disposition: form-data; name="expires_after[seconds]"\r\n\r\n60\r\n--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n\0\xff\r\n--x--\r\n'
      const before = at.heard.length
      const answer = await send(ada, body, { 'content-type': 'multipart/form-data; boundary=x' })
      const text = await answer.text()
      const told = JSON.parse(text)
      const { id, created_at } = told
      expect([answer.status, told]).toEqual([
        201,
        {
          ...{ object: 'file', id, bytes: 3, created_at, expires_at: created_at + 60 },
          ...{ filename: 'a.txt', purpose: 'user_data' },
        },
      ])
      const up = at.heard[before]
      expect([up?.body.toString(), up?.headers.get('content-type')]).toEqual([body, 'multipart/form-data; boundary=x'])
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        ...{ 'content-type': 'application/json', 'x-sealgate-backend': 'openai', 'x-sealgate-body': 'plaintext' },
        ...{ 'content-length': String(Buffer.byteLength(text)), 'x-upstream-request-id': up?.id },
      })
      await at.kit.ledger.flush()
      const [booked] = await run(url, `SELECT * FROM ledger WHERE owner = '${ada.owner}'`)
      expect(booked).toMatchObject({ backend: 'openai', route: '/v1/files', status: 201, ending: 'complete' })
      expect(booked).toMatchObject({ bytes_up: Buffer.byteLength(body), bytes_down: Buffer.byteLength(text) })
      const acts = await run(url, `SELECT kind, about FROM activity WHERE owner = '${ada.owner}'`)
      expect(acts).toEqual([{ kind: 'file_upload', about: id }])
      const asked = at.heard.length
      expect(await ada.told('GET', `/files/${id}`)).toEqual(told)
      expect(await list()).toMatchObject({ object: 'list', data: [told], first_id: id, last_id: id, has_more: false })
      expect(at.heard).toHaveLength(asked)
    })

    test('is not taken where it is no form, or sealed', async () => {
      const asked = at.heard.length
      const words =
        'Invalid body: a file is sent in a form: the Content-Type must be multipart/form-data, with its boundary.'
      for (const type of ['application/json', 'multipart/form-datax; boundary=x', 'multipart/mixed; boundary=x']) {
        const answer = await send(ada, '{}', { 'content-type': type })
        expect([answer.status, Object(await answer.json()).error.message]).toEqual([400, words])
      }
      const sealed = await send(ada, fileForm(), { 'ehbp-encapsulated-key': 'ab'.repeat(32) })
      expect([sealed.status, Object(await sealed.json()).error.code]).toEqual([400, 'sealed_body_refused'])
      expect(at.heard).toHaveLength(asked)
      expect(await list()).toEqual({ ...EMPTY })
    })

    test('is kept once under a key of the client’s, which no two callers share', async () => {
      const eve = await at.jwt('eve')
      const key = { 'idempotency-key': crypto.randomUUID() }
      const ids: string[] = []
      for (const who of [ada, ada, eve]) ids.push(Object(await (await send(who, fileForm(), key)).json()).id)
      expect([ids[1] === ids[0], ids[2] === ids[0]]).toEqual([true, false])
      expect((await list()).data.map(({ id }) => id)).toEqual([ids[0]!])
    })

    test.each([
      ['a name of 10,000 letters', 'x'.repeat(10_000), 'user_data'],
      ['a name with a NUL in it', 'a\0b', 'user_data'],
      ['a purpose of 10,000 letters', 'x', 'p'.repeat(10_000)],
      ['a purpose with a NUL, quotes and a smile in it', 'x', '\0"\\😀'],
    ])('may have %s', async (_, name, purpose) => {
      const id = await at.filed(ada, name, purpose)
      const [file] = (await list(`?purpose=${encodeURIComponent(purpose)}`)).data
      expect(file).toMatchObject({ id, filename: name, purpose })
      expect([await ada.told<Told>('GET', `/files/${id}`)]).toEqual([file!])
    })

    test.each([
      ['JSON', id => Response.json({ id, bytes: -1, created_at: 'now', expires_at: 1e15, filename: 7 })],
      ['events', id => new Response(`data: {"response":{"id":"${id}"}}\n\n`)],
    ] as [string, (id: string) => Response][])(
      'whatever the backend leaves out of its answer in %s, it is its caller’s',
      async (_, answer) => {
        const id = `file-${crypto.randomUUID()}`
        const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => answer(id) })
        const kit = await startGateway({ upstream: server.url.origin, isSealing: false, cloud: server.url.origin })
        const headers = await kit.bearer()
        const ask = (path: string, init = {}) => fetch(kit.url + path, { headers, ...init })
        const uploaded = await ask('/v1/files', { method: 'POST', body: fileForm() })
        expect([uploaded.status, await uploaded.text()]).toEqual([200, await answer(id).text()])
        const file = { object: 'file', id, bytes: 0, created_at: expect.any(Number), filename: '', purpose: '' }
        expect(await (await ask(`/v1/files/${id}`)).json()).toEqual(file)
        await kit.stop()
        await server.stop(true)
      },
    )
  })

  describe('a list', () => {
    test.each([
      ['limit=0', 'Invalid limit parameter. Must be between 1 and 10000'],
      ['limit=10001', 'Invalid limit parameter. Must be between 1 and 10000'],
      ['limit=', 'Invalid limit parameter. Must be between 1 and 10000'],
      ['order=up', "Invalid order parameter. Must be 'asc' or 'desc'"],
      ['limit=1&limit=2', 'Invalid query: "limit" is given twice.'],
      ['page=2', 'Invalid query: this route takes "limit", "after", "order" and "purpose", and nothing else.'],
    ])('is not told for ?%s', async (query, message) => {
      const answer = await ada.ask('GET', `/files?${query}`)
      expect([answer.status, Object(await answer.json()).error]).toEqual([
        400,
        { message, type: 'invalid_request_error', param: null, code: 'invalid_query' },
      ])
    })

    test('goes on after one of the caller’s own, else after nobody’s', async () => {
      const own = await at.filed(ada)
      const foreign = await at.filed(await at.jwt('eve'))
      expect(await list(`?after=${own}`)).toEqual({ ...EMPTY })
      const bodies = new Set<string>()
      for (const after of [foreign, NO_ID, own.toUpperCase(), own.slice(5), '', '%00', '%F0%9F%98%80']) {
        const answer = await ada.ask('GET', `/files?after=${after}`)
        bodies.add(`${answer.status} ${await answer.text()}`)
      }
      expect([...bodies]).toEqual([expect.stringMatching(/^404 .*You have nothing of that id/)])
    })
  })

  describe('what is in a file', () => {
    test('comes as the backend tells it, and without its bytes to whoever asks for the headers', async () => {
      const id = await at.filed(ada, 'page.html')
      for (const method of ['GET', 'HEAD']) {
        const answer = await ada.ask(method, `/files/${id}/content`)
        expect([answer.status, await answer.text()]).toEqual([200, method === 'GET' ? 'Hello' : ''])
        expect(Object.fromEntries(answer.headers)).toMatchObject({
          ...{ 'content-type': 'application/octet-stream', 'content-length': '5', 'x-content-type-options': 'nosniff' },
          ...{ 'content-disposition': 'attachment; filename="page.html"', 'x-sealgate-backend': 'openai' },
        })
      }
    })

    test('is told to be gone by the backend itself', async () => {
      const id = await at.filed(ada)
      await at.behind(`DELETE files/${id}`)
      expect((await ada.ask('GET', `/files/${id}/content`)).status).toBe(404)
      expect((await ada.ask('DELETE', `/files/${id}`)).status).toBe(200)
    })
  })

  describe('a file that is deleted', () => {
    const deleted = async (id: string) => {
      const answer = await ada.ask('DELETE', `/files/${id}`)
      return [answer.status, await answer.json()]
    }

    test('counts as deleted where it is gone already, since nothing could be written the first time', async () => {
      const id = await at.filed(ada)
      at.cloud.next({ on: 'DELETE files/{id}', after: () => run(url, 'ALTER TABLE files RENAME TO away') })
      expect((await deleted(id))[0]).toBe(503)
      await run(url, 'ALTER TABLE away RENAME TO files')
      expect((await list()).data).toHaveLength(1)
      expect(await deleted(id)).toEqual([200, { id, object: 'file', deleted: true }])
      expect(await at.rowsOf(ada)).toEqual([])
      expect(await list()).toEqual({ ...EMPTY })
      expect((await deleted(id))[0]).toBe(404)
    })

    test('stays while the backend fails, refuses, or is not there', async () => {
      const id = await at.filed(ada)
      for (const turn of [{ status: 500 }, { status: 409 }, { status: 401 }, { cut: 'before' as const }])
        at.cloud.next({ on: 'DELETE files/{id}', ...turn })
      const statuses: unknown[] = []
      for (let times = 0; times < 4; times++) statuses.push((await deleted(id))[0])
      expect(statuses).toEqual([500, 409, 502, 502])
      expect((await list()).data).toHaveLength(1)
    })
  })

  test('a user’s files are in their export, and go with them', async () => {
    const somebody = await account(at.kit, `${crypto.randomUUID()}@example.com`)
    const owner = userOwnerOf(somebody.user)
    const id = await at.filed({ ...somebody, owner }, 'Étude.pdf', 'batch')
    const { files } = await somebody.told<{ files: object[] }>('GET', '/users/me/export')
    const made = expect.stringMatching(/Z$/)
    expect(files).toEqual([
      { id, bytes: 5, created_at: made, expires_at: null, filename: 'Étude.pdf', purpose: 'batch' },
    ])
    expect((await somebody.ask('DELETE', '/users/me', { confirm: somebody.user })).status).toBe(204)
    await eventually(async () => (await run(url, `SELECT id FROM files WHERE owner = '${owner}'`)).length === 0)
    await eventually(async () => {
      await at.kit.reconcile()
      return !at.cloud.ids('files').includes(id)
    })
  })

  withCorpus<string[]>('strings/blns.json', 'any text may be a name and a purpose', async texts => {
    const ids = new Map<string, string[]>()
    const each = async (text: string) => {
      const answer = await send(ada, fileForm(text, text))
      const told = (await answer.json()) as Told
      // The stand-in reads a header to what Unicode takes for a line's end, and finds no name.
      expect([text, answer.status]).toEqual([text, /[\u2028\u2029]/.test(text) ? 400 : 201])
      if (answer.ok) ids.set(told.id, [told.filename, told.purpose])
    }
    for (let at = 0; at < texts.length; at += 16) await Promise.all(texts.slice(at, at + 16).map(each))
    const { data } = await list()
    expect(new Map(data.map(({ id, filename, purpose }) => [id, [filename, purpose]]))).toEqual(ids)
  })
})

test('a gateway without such a backend has no files', async () => {
  const kit = await startGateway({ upstream: 'http://127.0.0.1:1' })
  expect(kit.routes.filter(({ path }) => path.startsWith('/v1/files'))).toEqual([])
  await kit.stop()
})
