import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { HOST, hurl } from '../kit/attack.ts'
import { engines } from '../kit/engines.ts'
import { type Caller, type Owning, owning } from '../kit/owning.ts'

/** Every route with a parameter that names a conversation, a response or a file, and what it takes. A new route is a new line. */
const NAMING: Readonly<Record<string, string>> = {
  'GET /v1/conversations/:id': '',
  'POST /v1/conversations/:id': '{"metadata":{}}',
  'POST /v1/conversations/:id/items': '{"items":[]}',
  'GET /v1/conversations/:id/items': '',
  'GET /v1/conversations/:id/items/:item': '',
  'DELETE /v1/conversations/:id/items/:item': '',
  'POST /v1/conversations/:id/pin': '',
  'DELETE /v1/conversations/:id/pin': '',
  'POST /v1/conversations/:id/archive': '',
  'DELETE /v1/conversations/:id/archive': '',
  'POST /v1/conversations/:id/clone': '',
  'DELETE /v1/conversations/:id': '',
  'GET /v1/responses/:id': '',
  'POST /v1/responses/:id/cancel': '',
  'GET /v1/responses/:id/input_items': '',
  'DELETE /v1/responses/:id': '',
  'GET /v1/files/:id': '',
  'GET /v1/files/:id/content': '',
  'DELETE /v1/files/:id': '',
}
/** What a route answers its owner, if not 200; what is completed cannot be cancelled. */
const STATUSES: Readonly<Record<string, number>> = {
  'POST /v1/conversations/:id/clone': 201,
  'POST /v1/responses/:id/cancel': 400,
}
/** Routes whose parameter names what this gateway keeps itself. */
const OURS = ['DELETE /v1/users/me/sessions/:id', 'DELETE /v1/users/me/keys/:id']
/** Routes whose parameter names an answer, or its receipt: theirs are signature.test.ts and receipt.test.ts. */
const OF_ANSWERS = ['GET /v1/signature/:chat_id', 'GET /v1/receipts/:id']
/** Routes whose parameter names an owner or a user, for whoever administers: theirs are the tests of admin/. */
const OF_OWNERS = [
  ...['GET', 'POST', 'DELETE'].map(method => `${method} /v1/admin/owners/:owner/ban`),
  'GET /v1/admin/users/:id',
  'GET /v1/admin/users/:id/activity',
  'DELETE /v1/admin/users/:id/sessions',
]

/** Spellings that the backend, lax as it is, may take for the same, and worse ones. */
const SPELLINGS: Readonly<Record<string, (id: string) => string>> = {
  'as it is': id => id,
  'without its prefix': id => id.slice(5),
  'in upper case': id => id.toUpperCase(),
  'its digits in upper case': id => prefixOf(id) + id.slice(5).toUpperCase(),
  'its prefix in upper case': id => prefixOf(id).toUpperCase() + id.slice(5),
  'a UUID with hyphens': hyphened,
  'a UUID with hyphens and the prefix': id => prefixOf(id) + hyphened(id),
  'a UUID without hyphens and the prefix': id => prefixOf(id) + id.slice(5).replaceAll('-', ''),
  'a URN': id => `urn:uuid:${hyphened(id)}`,
  'a URN with the prefix': id => `${prefixOf(id)}urn:uuid:${hyphened(id)}`,
  'in escaped braces': id => `${prefixOf(id)}%7B${hyphened(id)}%7D`,
  'its first letter escaped': id => `%${hexOf(id)}${id.slice(1)}`,
  'its underscore escaped': id => id.replace('_', '%5F'),
  'its hyphens escaped': id => id.replaceAll('-', '%2D'),
  'every letter escaped': id => Buffer.from(id).toString('hex').replaceAll(/../g, '%$&'),
  'with a dot behind it': id => `${id}.`,
  'with a dot before it': id => `.${id}`,
  'its prefix twice': id => prefixOf(id) + id,
  'with a blank behind it': id => `${id}%20`,
  'with a blank before it': id => `%20${id}`,
  'with a tab behind it': id => `${id}%09`,
  'with a line behind it': id => `${id}%0D%0Ax:%20y`,
  'with a question behind it, escaped': id => `${id}%3Fx`,
  'with a fragment behind it, escaped': id => `${id}%23`,
  'with a semicolon behind it, escaped': id => `${id}%3Bx`,
  'with a look-alike letter': id => id.replace(/[ce]/, letter => (letter === 'c' ? '%D1%81' : '%D0%B5')),
  'in wide letters': id => encodeURIComponent(String.fromCodePoint(id.charCodeAt(0) + 0xfee0)) + id.slice(1),
  'with a soft hyphen': id => `${id}%C2%AD`,
  'with a letter that is not UTF-8': id => `${id}%FF`,
  'with a comma and itself': id => `${id},${id}`,
  'one letter short': id => id.slice(0, -1),
  'one letter long': id => `${id}0`,
  'a wildcard': () => '*',
  'a placeholder': () => ':id',
  'a percent sign, escaped': () => '%2A',
  'three dots': () => '...',
  'another route’s word': () => 'batch',
  'another route’s word, of responses': () => 'input_tokens',
}
/** What is refused before any route is looked for. */
const REFUSED: Readonly<Record<string, (id: string) => string>> = {
  nothing: () => '',
  'two dots, escaped': () => '%2e%2e%2f..',
  'with an escaped slash': id => `x%2F..%2F${id}`,
  'with an escaped backslash': id => `x%5C..%5C${id}`,
  'escaped twice': id => `%25${hexOf(id)}${id.slice(1)}`,
  'with a NUL behind it': id => `${id}%00`,
  'with a semicolon behind it': id => `${id};x`,
  'two slashes': id => `/${id}`,
}
/** What is resolved, and then names no route or another one, before anybody sees it. */
const RESOLVED: Readonly<Record<string, (id: string) => string>> = {
  'a dot': () => '.',
  'two dots': () => '..',
  'two dots in escapes': () => '%2e%2e',
  'two steps up and down': () => '../conversations/..',
}

const prefixOf = (id: string) => id.slice(0, 5)
const hexOf = (id: string) => id.charCodeAt(0).toString(16)

function hyphened(id: string): string {
  return id
    .slice(5)
    .replaceAll('-', '')
    .replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

let at: Owning
let ada: Caller
let eve: Caller
let id: string
let item: string
let response: string
let file: string

beforeAll(async () => {
  at = await owning(await engines[0]!.fresh())
  ada = await at.session()
  eve = await at.jwt('eve')
  await begin()
  await respond()
  file = await at.filed(ada)
  await at.begun(eve)
  await at.filed(eve)
})
afterAll(() => at.stop())

async function begin(): Promise<void> {
  id = await at.begun(ada)
  const items = [{ role: 'user', content: 'Hello' }]
  item = (await ada.told<{ data: { id: string }[] }>('POST', `/conversations/${id}/items`, { items })).data[0]!.id
}

async function respond(): Promise<void> {
  response = (await ada.told<{ id: string }>('POST', '/responses', { model: 'stand-in/small', input: 'Hello' })).id
}

/** By raw socket: whoever builds a URL mends what is odd in it. */
async function ask(caller: Caller, line: string, body = '') {
  const framing = line.startsWith('GET') ? '' : `Content-Length: ${body.length}\r\n`
  const signed = `Authorization: ${caller.headers.authorization}\r\n`
  const { statuses, text } = await hurl(at.kit.url, `${line} HTTP/1.1\r\n${HOST}${signed}${framing}\r\n${body}`)
  const [head = '', told = ''] = text.split(/\r\n\r\n(.*)/s)
  const headers = head.split('\r\n').filter(header => !/^(x-request-id|x-receipt-id|date):/i.test(header))
  return { status: statuses[0], same: [...headers, told].join('\n') }
}

const lineOf = (route: string, spelled: string, named = 'msg_1') =>
  route.replace(':item', named).replace(':id', spelled)
const idFor = (route: string) => (route.includes('/files/') ? file : route.includes('/responses/') ? response : id)
const unknown = `conv_${'0'.repeat(32)}`
/** How often the backend is asked: what a file is called and how long it is, is told from our rows. */
const callsOf = (route: string) => (route === 'GET /v1/files/:id' ? 0 : 1)

test('this page knows every route with a parameter', () => {
  const naming = at.kit.routes.filter(({ path }) => path.includes(':')).map(({ method, path }) => `${method} ${path}`)
  expect(naming.sort()).toEqual([...Object.keys(NAMING), ...OURS, ...OF_ANSWERS, ...OF_OWNERS].sort())
})

describe.each(Object.entries(NAMING))('%s', (route, body) => {
  test('is its owner’s by the one spelling', async () => {
    const before = at.heard.length
    const { status } = await ask(ada, lineOf(route, idFor(route), item), body)
    expect([status, at.heard.length - before]).toEqual([STATUSES[route] ?? 200, callsOf(route)])
    if (route === 'DELETE /v1/conversations/:id') await begin()
    if (route === 'DELETE /v1/responses/:id') await respond()
    if (route === 'DELETE /v1/files/:id') file = await at.filed(ada)
    if (route.startsWith('DELETE') && route.includes(':item')) {
      const items = [{ role: 'user', content: 'Again' }]
      item = (await ada.told<{ data: { id: string }[] }>('POST', `/conversations/${id}/items`, { items })).data[0]!.id
    }
  })

  test('is nobody’s by any other spelling, and a stranger’s by none', async () => {
    const own = idFor(route)
    const before = at.heard.length
    const { status, same } = await ask(ada, lineOf(route, unknown), body)
    expect(status).toBe(404)
    for (const [name, spell] of Object.entries(SPELLINGS))
      for (const caller of spell(own) === own ? [eve] : [ada, eve]) {
        const answer = await ask(caller, lineOf(route, spell(own)), body)
        expect([name, answer.same]).toEqual([name, same])
      }
    expect(at.heard).toHaveLength(before)
    expect((await at.rowsOf(eve)).map(row => row.id)).not.toContain(own)
  })

  test('is not reached by what no two readers read alike', async () => {
    const before = at.heard.length
    for (const [name, spell] of Object.entries(REFUSED))
      for (const caller of [ada, eve]) {
        const { status } = await ask(caller, lineOf(route, spell(idFor(route))), body)
        expect([name, [400, 404].includes(status ?? 0)]).toEqual([name, true])
      }
    for (const spell of Object.values(RESOLVED)) await ask(eve, lineOf(route, spell(idFor(route))), body)
    expect(at.heard).toHaveLength(before)
  })
})

test('a response goes on with none but the caller’s own', async () => {
  const body = { model: 'stand-in/small', input: 'x' }
  const before = at.heard.length
  const bodies = new Set<string>()
  for (const [caller, previous_response_id] of [
    [eve, response],
    [eve, 'resp_0'],
    [ada, response.toUpperCase()],
    [ada, response.slice(5)],
    [ada, id],
  ] as const) {
    const answer = await caller.ask('POST', '/responses', { ...body, previous_response_id })
    bodies.add(`${answer.status} ${await answer.text()}`)
  }
  expect([...bodies]).toEqual([expect.stringMatching(/^404 .*not_found/)])
  expect(at.heard).toHaveLength(before)
})

test.each(['/responses', '/chat/completions'])('%s goes on with no conversation but the caller’s own', async path => {
  const body = { model: 'stand-in/small', input: 'x', messages: [{ role: 'user', content: 'x' }] }
  const before = at.heard.length
  const bodies = new Set<string>()
  for (const [caller, conversation] of [
    [eve, id],
    [eve, unknown],
    [ada, id.toUpperCase()],
    [ada, id.slice(5)],
  ] as const) {
    const answer = await caller.ask('POST', path, { ...body, conversation })
    bodies.add(`${answer.status} ${await answer.text()}`)
  }
  expect([...bodies]).toEqual([expect.stringMatching(/^404 .*not_found/)])
  expect(at.heard).toHaveLength(before)
  expect((await ada.ask('POST', path, { ...body, conversation: id })).status).toBe(200)
})
