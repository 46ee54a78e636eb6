import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Account, account } from '../kit/account.ts'
import { engines } from '../kit/engines.ts'
import { type Caller, type Owning, owning } from '../kit/owning.ts'

const PASSTHROUGH = [
  'POST /v1/rerank',
  'GET /v1/echo',
  'GET /v1/notes/{conversation_id}/lines',
  'DELETE /v1/notes/:conversation_id/lines',
]

describe.each(engines)('on $name', ({ fresh }) => {
  let at: Owning
  let ada: Caller
  beforeAll(async () => {
    at = await owning(await fresh(), { passthrough: PASSTHROUGH, admins: { emails: ['root@example.com'] } })
    ada = await at.jwt('ada')
  })
  afterAll(() => at.stop())

  /** What came of a request, and whether the cloud heard of it. The cloud has none of these routes: its 404 is its own. */
  async function sent(method: string, path: string, init: RequestInit = {}) {
    const before = at.heard.length
    const headers = { ...ada.headers, ...(init.headers as Record<string, string>) }
    const answer = await fetch(`${at.kit.url}/v1${path}`, { ...init, method, headers })
    const { error } = (await answer.json()) as { error?: { code?: string } }
    const reached = at.heard.slice(before).map(({ path, body, query }) => [path, query, body.toString()])
    return { status: answer.status, code: error?.code, reached }
  }

  test('a body goes up byte for byte, with its query', async () => {
    const body = '{ "query":"\\u00e4", "n":1e999 }'
    const { reached } = await sent('POST', '/rerank?x=1&&y', { body })
    expect(reached).toEqual([['/v1/rerank', 'x=1&&y', body]])
    expect((await sent('GET', '/echo')).reached).toEqual([['/v1/echo', '', '']])
  })

  test('a form goes up byte for byte', async () => {
    const headers = { 'content-type': 'multipart/form-data; boundary=b' }
    const body = '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--b--\r\n'
    expect((await sent('POST', '/rerank', { body, headers })).reached).toEqual([['/v1/rerank', '', body]])
  })

  test('an id in the path must be the caller’s, whoever else has it', async () => {
    const [own, foreign] = [await at.begun(ada), await at.begun(await at.jwt('bob'))]
    for (const method of ['GET', 'DELETE']) expect((await sent(method, `/notes/${own}/lines`)).reached).toHaveLength(1)
    for (const id of [foreign, own.toUpperCase(), 'nowhere', `${own}%20`])
      expect(await sent('GET', `/notes/${id}/lines`)).toEqual({ status: 404, code: 'not_found', reached: [] })
  })

  test('what a body or a query names must be the caller’s too', async () => {
    const [own, foreign] = [await at.begun(ada), await at.begun(await at.jwt('bob'))]
    const naming = (id: string) => sent('POST', '/rerank', { body: JSON.stringify({ conversation: { id } }) })
    expect((await naming(own)).reached).toHaveLength(1)
    expect(await naming(foreign)).toEqual({ status: 404, code: 'not_found', reached: [] })
  })

  test.each([
    ...['conversation_id', 'conversation[id]', 'conversation%5Bid%5D', 'file_ids[]', 'filter.file_id', 'file-id'],
    ...['x=1;response_id', 'conversation_id%00', 'Conversation_ID', 'fileId'],
  ])('a query may name nothing by %s', async name => {
    const query = await sent('GET', `/echo?${name}=x`)
    expect(query).toEqual({ status: 400, code: 'reference_not_supported', reached: [] })
    expect((await sent('GET', '/echo?include[]=x&metadata[a]=y')).reached).toHaveLength(1)
  })

  test.each(['conversation_id', 'conversation[id]', 'input[0][file_id]', 'file_ids[]', 'training_file'])(
    'nor may a form, by %s',
    async name => {
      const headers = { 'content-type': 'multipart/form-data; boundary=b' }
      const body = `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\nx\r\n--b--\r\n`
      expect(await sent('POST', '/rerank', { body, headers })).toEqual({
        ...{ status: 400, code: 'reference_not_supported', reached: [] },
      })
    },
  )

  test('what says that it is a form is one', async () => {
    const headers = { 'content-type': 'multipart/form-data; boundary=b' }
    const body = JSON.stringify({ conversation: await at.begun(await at.jwt('bob')) })
    expect(await sent('POST', '/rerank', { body, headers })).toEqual({ status: 400, code: 'invalid_body', reached: [] })
  })

  test('what is neither JSON nor a form is refused', async () => {
    for (const [type, body] of [
      ['text/plain', 'x'],
      ['application/x-www-form-urlencoded', 'a=1'],
    ] as const)
      expect(await sent('POST', '/rerank', { body, headers: { 'content-type': type } })).toEqual({
        ...{ status: 400, code: 'invalid_body', reached: [] },
      })
    expect(await sent('POST', '/rerank', { body: '[1]' })).toMatchObject({ status: 400, reached: [] })
  })

  test('everything else is a 404 of ours, another method a 405', async () => {
    expect(await sent('GET', '/notes')).toEqual({ status: 404, code: 'not_found', reached: [] })
    expect(await sent('GET', '/rerank')).toEqual({ status: 405, code: 'method_not_allowed', reached: [] })
  })

  test('a model that is shut is shut here too, in JSON and in a form', async () => {
    const root: Account = await account(at.kit, { ...ROOT })
    expect((await root.ask('PATCH', '/admin/models', { 'stand-in/large': { public: false } })).status).toBe(200)
    const body = '{"model":"Stand-In\\/LARGE"}'
    expect(await sent('POST', '/rerank', { body })).toEqual({ status: 403, code: 'model_not_available', reached: [] })
    const headers = { 'content-type': 'multipart/form-data; boundary=b' }
    const form = '--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nstand-in/large\r\n--b--\r\n'
    expect(await sent('POST', '/rerank', { body: form, headers })).toEqual({
      ...{ status: 403, code: 'model_not_available', reached: [] },
    })
    expect(await sent('GET', '/echo?x=1&Model=Stand-in/large%20')).toEqual({
      ...{ status: 403, code: 'model_not_available', reached: [] },
    })
    expect((await sent('GET', '/echo?model=stand-in/small')).reached).toHaveLength(1)
  })
})

const ROOT = {
  ...{ provider: 'github', issuer: 'https://github.com', subject: 'root', email: 'root@example.com', isProven: true },
  ...{ name: null, avatarUrl: null, domain: null },
}
