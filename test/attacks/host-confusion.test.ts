import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import { hurl, target } from '../kit/attack.ts'

const at = await target()
afterAll(() => at.stop())
beforeEach(() => at.forget())

const get = (path: string, ...hosts: string[]) =>
  hurl(at.url, `GET ${path} HTTP/1.1\r\n${hosts.map(host => `Host: ${host}\r\n`).join('')}${at.signed}\r\n`)

describe('a short host', () => {
  // Elysia finds the path behind the eleventh character of the URL unless told otherwise.
  const SHORT = ['a', 'ab', 'abc', 'a.b', '1', '::1', '[::]', 'a:1', '-', '.', '_']
  test.each(SHORT)('%s moves no path to a route', async host => {
    const leads = Array.from({ length: 11 }, (_, lead) => `/${'x'.repeat(lead + 1)}`)
    const paths = leads.flatMap(lead => [`${lead}/v1/models`, `${lead}/health`])
    const outcomes = await Promise.all(paths.map(path => get(path, host)))
    expect(outcomes.flatMap(({ statuses }) => statuses)).toEqual(paths.map(() => (host === '::1' ? 400 : 404)))
    expect(at.heard).toEqual([])
  })

  test.each(SHORT.filter(host => host !== '::1'))('%s moves no route away, nor its lock', async host => {
    expect((await get('/health', host)).text).toContain('"status":"ok"')
    expect((await get('/v1/models', host)).statuses).toEqual([200])
    const unsigned = await hurl(at.url, `GET /v1/models HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    expect(unsigned.statuses).toEqual([401])
    expect(at.heard.map(request => request.split(' ', 2))).toEqual([['GET', '/prefix/v1/models']])
  })
})

describe('an odd host', () => {
  const ODD = [
    'evil.test/v1/models?',
    'evil.test/v1/models#',
    'evil.test?',
    'evil.test#',
    'evil.test\\',
    'user@evil.test',
    'user:word@evil.test',
    '@',
    ':',
    ':80',
    '/',
    '?',
    'a b',
    'a\tb',
    'a,b',
    'a:65536000',
    'a:-1',
    'a:+80',
    'a:8o',
    'a:80:80',
    'a::80',
    '[::1',
    '::1]',
    '[a.test]',
    '[::1]x',
    '[fe80::1%25eth0]',
    'a%2etest',
    'a%00',
    'a;b',
    'a|b',
    'a"b',
    "a'b",
    '{jndi:ldap://evil.test}',
    'http://evil.test',
    'evil.test//v1/models',
    'h\xc3\xa9',
    '\xe2\x80\xae',
  ]
  test.each(ODD)('%j is refused on every route, before any upstream hears of it', async host => {
    for (const path of ['/v1/models', '/health', '/nowhere']) {
      const { statuses, text } = await get(path, host)
      expect([path, ...statuses]).toEqual([path, 400])
      expect(text).not.toContain('evil.test')
    }
    expect(at.heard).toEqual([])
  })

  test.each(['evil.test:0', 'evil.test:65536', 'evil.test:99999', 'xn--', '999.999.999.999', '[:::]', '..', '-evil-'])(
    '%s that only looks like one is as good as any: it is not used',
    async host => {
      expect((await get('/v1/models', host)).statuses).toEqual([200])
      expect((await get('/xx/v1/models', host)).statuses).toEqual([404])
      expect(at.heard.join('')).not.toContain(host)
    },
  )

  test('never goes upstream, nor comes back', async () => {
    const { text } = await get('/v1/models', 'evil.test:81')
    expect(text).not.toContain('evil')
    expect(at.heard.join('')).not.toContain('evil')
    expect(at.heard.join('')).toContain(`\r\nHost: ${at.authority}\r\n`)
  })
})

describe('two hosts are refused', () => {
  test.each<string[]>([
    ['gateway.test', 'evil.test'],
    ['evil.test', 'gateway.test'],
    ['gateway.test', 'gateway.test'],
    ['gateway.test', ''],
    ['', 'gateway.test'],
    ['gateway.test, evil.test'],
    ['a', 'b', 'c'],
  ])('%j %j', async (...hosts) => {
    for (const path of ['/v1/models', '/health', '/nowhere', 'http://gateway.test/v1/models'])
      expect([path, ...(await get(path, ...hosts)).statuses]).toEqual([path, 400])
    expect(at.heard).toEqual([])
  })

  test('however they are written', async () => {
    for (const lines of ['Host: a.test\r\nhost: b.test', 'HOST: a.test\r\nAccept: */*\r\nhOsT: a.test']) {
      const { statuses } = await hurl(at.url, `GET /v1/models HTTP/1.1\r\n${lines}\r\n${at.signed}\r\n`)
      expect(statuses).toEqual([400])
    }
    expect(at.heard).toEqual([])
  })
})

describe('no host', () => {
  test.each(['HTTP/1.0', 'HTTP/1.1'])('is refused in %s', async version => {
    for (const path of ['/v1/models', '/health', '/xxxxxxxxxxx/v1/models', 'http://gateway.test/v1/models'])
      for (const host of [
        '',
        'Host:\r\n',
        'Host: \r\n',
        'X-Forwarded-Host: gateway.test\r\n',
        'Host_: gateway.test\r\n',
      ])
        expect((await hurl(at.url, `GET ${path} ${version}\r\n${host}${at.signed}\r\n`)).statuses).toEqual([400])
    expect(at.heard).toEqual([])
  })
})
