import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { HOST, hurl, type Outcome, type Target, target } from '../kit/attack.ts'

let at: Target
let outcomes: ReadonlyMap<string, Outcome>

/** What two readers could read differently: refused before anybody looks for a route. */
const REFUSED = [
  '//v1/models',
  '///v1/models',
  '/v1//models',
  '/v1/models//',
  '/v1/.//models',
  '/v1/x/..//models',
  '//evil.test/v1/models',
  '/\\evil.test/v1/models',
  '\\v1\\models',
  '/http://evil.test/v1/models',
  '/v1%2fmodels',
  '/v1%2Fmodels',
  '/%2fv1/models',
  '/v1/models%2f',
  '/v1/%2e%2e%2fv1/models',
  '/x/..%2fv1/models',
  '/x%2f../v1/models',
  '/v1%5cmodels',
  '/..%5cv1/models',
  '/%5c../v1/models',
  '/v1/models%00',
  '/v1/models%00.json',
  '/.%00./v1/models',
  '/v1%252fmodels',
  '/%252e%252e/v1/models',
  '/v1/models%2500',
  '/v1/model%2573',
  '/v1%u002fmodels',
  '/v1/models%',
  '/v1/models%2',
  '/v1/models%zz',
  '/v1/models;a=b',
  '/v1;a=b/models',
  '/..;/v1/models',
  '/v1/..;/v1/models',
  '/.;/v1/models',
  '/v1/models;/./x',
  '/v1/models#',
  '/v1/models#x',
  '/health#/../v1/models',
  '/v1/models?a#b',
  '/v1/mod\x01els',
  '/v1/mod\tels',
  '/v1/models x',
  '/v1/models ',
  '/v1/../\tv1/models',
]

/** What is spelt plainly, and is no route. */
const NO_ROUTE = [
  '/v1/models/',
  '/v1/models/.',
  '/v1/models\\',
  '/v1/models.',
  '/v1/models..',
  '/v1/.../models',
  '/v1/models%20',
  '/v1/models%09',
  '/v1/models%0a',
  '/v1/models%0d%0aHost:%20evil.test',
  '/v1/models\x7f',
  '/V1/models',
  '/v1/Models',
  '/v1/MODELS',
  '/%76%31/models',
  '/v1/model%73',
  '/v1/%6dodels',
  '/v1/models%3b',
  '/v1/models%3Fx',
  '/v1/models%23',
  '/v1/mod\xc3\xa9ls',
  '/v1\xef\xbc\x8fmodels',
  '/\xef\xbd\x961/models',
  '/v1/models\xe2\x80\xae',
  '/v1/models\xc2\xa0',
  '/v1/models\xe2\x80\x8b',
  '/v1\xc0\xafmodels',
  '/v1/\xc0\xae\xc0\xae/v1/models',
  '/v1\xe0\x80\xafmodels',
  '/v1\xffmodels',
  '/v1%c0%afmodels',
  '/v1/%c0%ae%c0%ae/v1/models',
  '/v1%e0%80%afmodels',
  '/v1%ef%bc%8fmodels',
  '/v1/models%ff',
  '/v1/models:80',
  '/v1/models@evil.test',
  '/v1/models&x',
  '/v1/models,',
  '/v1/models*',
  '/~/v1/models',
  '/v1/models/models',
  '/x/v1/models',
  '/prefix/v1/models',
  '/v1/models/../../health/x',
]

/** What Bun has resolved before anybody can see how it was written. */
const RESOLVED = [
  '/./v1/models',
  '/v1/./models',
  '/../v1/models',
  '/../../../v1/models',
  '/x/../v1/models',
  '/v1/x/../models',
  '/v1/models/../models',
  '/x/%2e%2e/v1/models',
  '/%2e/v1/models',
  '/v1/%2E/models',
  '/v1/.%2e/v1/models',
  '/%2e./v1/models',
  '/v1\\models',
  '/..\\v1\\models',
  '/x\\..\\v1/models',
  '/health/../v1/models',
  '/v1/;a=b/../models',
  '/v1/models;/../models',
  '/.well-known/hpke-keys/../../v1/models',
  '/readyz\\..\\v1\\models',
]

beforeAll(async () => {
  at = await target()
  const asked = [...REFUSED, ...NO_ROUTE].map(
    async path => [path, await hurl(at.url, `GET ${path} HTTP/1.1\r\n${HOST}${at.signed}\r\n`)] as const,
  )
  outcomes = new Map(await Promise.all(asked))
})
afterAll(() => at.stop())

describe('a path that two readers could read differently is refused, token or not:', () => {
  test.each(REFUSED)('%j', path => {
    const { statuses, text } = outcomes.get(path) ?? {}
    // 505 is Bun's word for a blank in the target: what is behind it ought to be a version.
    expect(statuses).toEqual([['\t', ' ', '\x01'].some(blank => path.includes(blank)) ? 505 : 400])
    expect(text).not.toContain('evil.test')
  })
})

describe('a path that is another spelling of a route is none:', () => {
  test.each(NO_ROUTE)('%j', path => {
    expect(outcomes.get(path)?.statuses).toEqual([404])
  })
})

test('and nothing of all that went upstream', () => {
  expect(at.heard).toEqual([])
})

describe('a path that Bun resolves is locked and forwarded as what it resolves to:', () => {
  test.each(RESOLVED)('%j', async path => {
    at.forget()
    for (const signed of ['', 'Authorization: Bearer x\r\n'])
      expect((await hurl(at.url, `GET ${path} HTTP/1.1\r\n${HOST}${signed}\r\n`)).statuses).toEqual([401])
    expect(at.heard).toEqual([])
    const { statuses } = await hurl(at.url, `GET ${path}?q=/../x HTTP/1.1\r\n${HOST}${at.signed}\r\n`)
    expect(statuses).toEqual([200])
    expect(at.heard.map(request => request.split(' ', 2))).toEqual([['GET', '/prefix/v1/models?q=/../x']])
  })

  test('and a public one stays public, without a word upstream', async () => {
    at.forget()
    for (const path of ['/v1/models/../../health', '/v1/chat/completions/%2e%2e/../../health'])
      expect((await hurl(at.url, `GET ${path} HTTP/1.1\r\n${HOST}\r\n`)).text).toContain('"status":"ok"')
    expect(at.heard).toEqual([])
  })
})
