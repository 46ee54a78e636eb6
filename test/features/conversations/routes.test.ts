import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { HOST, hurl, target } from '../../kit/attack.ts'
import { clockAt } from '../../kit/clock.ts'
import { engines } from '../../kit/engines.ts'
import { type Caller, type Owning, owning } from '../../kit/owning.ts'

let at: Owning
let ada: Caller

describe.each(engines)('on $name', ({ fresh }) => {
  // After any day on which this runs: a token that lasts is good then.
  const clock = clockAt(Date.UTC(2049, 10, 22))
  beforeAll(async () => {
    at = await owning(await fresh(), { now: clock.now })
  })
  afterAll(() => at.stop())

  const titleOf = async (caller: Caller, id: string) =>
    (await caller.told<{ metadata: { title?: string } }>('GET', `/conversations/${id}`)).metadata.title

  test('a session and a JWT each have their own, and not the other’s', async () => {
    const callers = [await at.session(), await at.jwt('bob')]
    const ids = [await at.begun(callers[0]!), await at.begun(callers[1]!)]
    const statuses = callers.flatMap(({ ask }) =>
      ids.map(async id => (await ask('GET', `/conversations/${id}`)).status),
    )
    expect(await Promise.all(statuses)).toEqual([200, 404, 404, 200])
  })

  test('an API key has what its user has', async () => {
    ada = await at.session()
    const id = await at.begun(ada)
    const { key } = await ada.told<{ key: string }>('POST', '/users/me/keys', { name: 'program' })
    const answer = await fetch(`${at.kit.url}/v1/conversations/${id}`, { headers: { authorization: `Bearer ${key}` } })
    expect([answer.status, await answer.json()]).toEqual([200, expect.objectContaining({ id })])
  })

  test('a change goes up byte for byte, and makes it the last used', async () => {
    ada = await at.session()
    const [first, second] = [await at.begun(ada, 1), await at.begun(ada, 2)]
    const body = '{ "metadata":\n{"title" : "\\u00e4"} }'
    const answer = await fetch(`${at.kit.url}/v1/conversations/${first}?x=1&&y=%20`, {
      ...{ method: 'POST', headers: ada.headers, body },
    })
    expect([answer.status, answer.headers.get('x-sealgate-backend')]).toEqual([200, 'openai'])
    const heard = at.heard.at(-1)
    expect([heard?.path, heard?.query, heard?.body.toString()]).toEqual([
      `/v1/conversations/${first}`,
      'x=1&&y=%20',
      body,
    ])
    expect(await titleOf(ada, first)).toBe('ä')
    const used = new Map((await at.rowsOf(ada)).map(({ id, usedAt }) => [id, usedAt]))
    expect([used.get(first), used.get(second)]).toEqual([clock.now(), 2])
  })

  test('what was read as JSON goes up as JSON, whatever its client calls it', async () => {
    ada = await at.session()
    const [path, body] = [`/v1/conversations/${await at.begun(ada)}`, '{"metadata":{}}']
    for (const type of ['multipart/form-data; boundary=x', 'application/json; charset=utf-16', 'text/plain']) {
      await fetch(at.kit.url + path, { method: 'POST', headers: { ...ada.headers, 'content-type': type }, body })
      expect([at.heard.at(-1)?.path, at.heard.at(-1)?.headers.get('content-type')]).toEqual([path, 'application/json'])
    }
  })

  test('so do items that are added; whatever only looks or marks changes nothing here', async () => {
    ada = await at.session()
    const id = await at.begun(ada, 1)
    const used = async () => (await at.rowsOf(ada)).map(({ usedAt }) => usedAt)
    await ada.ask('GET', `/conversations/${id}`)
    await ada.ask('POST', `/conversations/${id}/pin`)
    await ada.ask('DELETE', `/conversations/${id}/archive`)
    expect(await used()).toEqual([1])
    await ada.ask('POST', `/conversations/${id}/items`, { items: [] })
    expect(await used()).toEqual([clock.now()])
  })

  test('an export shows what belongs to whom, each once, however many pages they make', async () => {
    ada = await at.session()
    await at.owned(await at.session(), ['conv_foreign'])
    const ids = Array.from({ length: 401 }, () => `conv_${crypto.randomUUID()}`)
    await at.owned(ada, ids, 1_767_225_600_000)
    const moments = { created_at: '1970-01-01T00:00:00.001Z', used_at: '2026-01-01T00:00:00.000Z' }
    const { belongings } = await ada.told<{ belongings: { kind: string; id: string }[] }>('GET', '/users/me/export')
    expect(belongings.map(({ id }) => id).sort()).toEqual(ids.toSorted())
    expect(belongings[0]).toEqual<object>({ kind: 'conversation', id: belongings[0]!.id, ...moments })
  })
})

describe('a request', () => {
  let id: string
  const path = () => `/v1/conversations/${id}`
  beforeAll(async () => {
    at = await owning(await engines[0]!.fresh())
    ada = await at.session()
    id = await at.begun(ada)
  })
  afterAll(() => at.stop())

  test('is asked upstream with its query as it is written', async () => {
    await ada.ask('POST', `/conversations/${id}/items`, {
      items: [
        { role: 'user', content: 'a' },
        { role: 'user', content: 'b' },
      ],
    })
    const page = await ada.told<{ data: object[]; has_more: boolean }>(
      'GET',
      `/conversations/${id}/items?limit=1&order=asc`,
    )
    expect([page.data.length, page.has_more]).toEqual([1, true])
    await ada.ask('GET', `/conversations/${id}/items?include[]=a%2Bb&&after`)
    expect(at.heard.at(-1)?.query).toBe('include[]=a%2Bb&&after')
  })

  test('keeps what the backend says of it, status and body', async () => {
    at.cloud.next({ status: 418 })
    const answer = await ada.ask('GET', `/conversations/${id}`)
    expect([answer.status, await answer.json()]).toEqual([
      418,
      { error: expect.objectContaining({ message: 'As it was told to.' }) },
    ])
  })

  test('to pin or archive takes no body along', async () => {
    const answer = await ada.ask('POST', `/conversations/${id}/pin`, { metadata: {} })
    expect([answer.status, at.heard.at(-1)?.path, at.heard.at(-1)?.bytes]).toEqual([200, `${path()}/pin`, 0])
    expect(at.heard.at(-1)?.headers.get('transfer-encoding')).toBeNull()
  })

  test('for an item takes one that can stand in a path, and nothing else goes up', async () => {
    const before = at.heard.length
    const bytes = new Set<string>()
    for (const item of ['msg%20a', 'msg~a', "msg'a", 'msg%C3%A9', 'a'.repeat(256), '%2a', 'a@b', '...%41'])
      bytes.add(await (await ada.ask('GET', `/conversations/${id}/items/${item}`)).text())
    expect([...bytes]).toEqual([expect.stringContaining('"not_found"')])
    expect(at.heard).toHaveLength(before)
    await ada.ask('GET', `/conversations/${id}/items/a:b.c`)
    expect(at.heard.at(-1)?.path).toBe(`${path()}/items/a%3Ab.c`)
  })

  test('with a sealed body is refused before anybody asks whose it is', async () => {
    const before = at.heard.length
    const headers = { ...ada.headers, 'ehbp-encapsulated-key': '0f'.repeat(32) }
    for (const own of ['', `/${id}`, '/conv_unknown', `/${id}/pin`, `/${id}/clone`]) {
      const method = /pin|clone/.test(own) ? 'POST' : 'GET'
      const answer = await fetch(`${at.kit.url}/v1/conversations${own}`, { method, headers })
      expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('sealed_body_refused')])
    }
    expect(at.heard).toHaveLength(before)
  })

  test('for what is somebody else’s is refused before its body is judged', async () => {
    const [eve, before] = [await at.session(), at.heard.length]
    const post = (caller: Caller) =>
      fetch(`${at.kit.url}${path()}`, {
        method: 'POST',
        headers: caller.headers,
        body: '{"metadata":{},"metadata":{}}',
      })
    expect([(await post(eve)).status, (await post(ada)).status]).toEqual([404, 400])
    expect(at.heard).toHaveLength(before)
  })

  test('by HEAD is one by HEAD upstream, and its answer tells the length', async () => {
    for (const own of ['/v1/model/list', path(), `${path()}/items`]) {
      const { text } = await hurl(
        at.kit.url,
        `HEAD ${own} HTTP/1.1\r\n${HOST}Authorization: ${ada.headers.authorization}\r\n\r\n`,
      )
      expect(at.heard.at(-1)?.method).toBe('HEAD')
      const whole = await fetch(at.kit.url + own, { headers: ada.headers })
      expect(text).toMatch(/^HTTP\/1.1 200/)
      expect(/content-length: (\d+)/i.exec(text)?.[1]).toBe(String((await whole.bytes()).length))
    }
  })

  test('finds no such route where no backend keeps anything', async () => {
    const cloud = await target()
    const asked = [
      'GET /v1/conversations',
      'GET /v1/conversations/x',
      'POST /v1/conversations/x/pin',
      'GET /v1/model/list',
    ]
    for (const line of asked) {
      const framing = line.startsWith('POST') ? 'Content-Length: 0\r\n' : ''
      const { statuses, text } = await hurl(cloud.url, `${line} HTTP/1.1\r\n${HOST}${cloud.signed}${framing}\r\n`)
      expect([statuses, text]).toEqual([[404], expect.stringContaining('No such route.')])
    }
    await cloud.stop()
  })
})
