import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import { HOST, hurl, target } from '../kit/attack.ts'

const at = await target()
afterAll(() => at.stop())
beforeEach(() => at.forget())

const ask = (line: string, more = '', signed = at.signed) =>
  hurl(at.url, `${line} HTTP/1.1\r\n${HOST}${signed}${more}\r\n`)

describe('an absolute target', () => {
  test.each([
    'http://evil.test/v1/models?q',
    'https://evil.test/v1/models?q',
    'http://evil.test:81/v1/models?q',
    'http://user:word@evil.test/v1/models?q',
    'HTTP://EVIL.test/v1/models?q',
    'http://127.0.0.1:1/v1/models?q',
    'http://[::1]:1/v1/models?q',
  ])('%s lends its path and nothing else', async line => {
    expect((await ask(`GET ${line}`, '', '')).statuses).toEqual([401])
    expect(at.heard).toEqual([])
    expect((await ask(`GET ${line}`)).statuses).toEqual([200])
    const [request = ''] = at.heard
    expect(request).toStartWith('GET /prefix/v1/models?q HTTP/1.1\r\n')
    expect(request).toContain(`\r\nHost: ${at.authority}\r\n`)
    expect(request.toLowerCase()).not.toContain('evil')
  })

  test.each([
    ['http://a/xx/v1/models', 404],
    ['http://evil.test/x/v1/models', 404],
    // The page at `/`.
    ['http://evil.test', 200],
    ['http://evil.test?/v1/models', 200],
  ])('%s leads to nothing else', async (line, status) => {
    expect((await ask(`GET ${line}`)).statuses).toEqual([status])
    expect(at.heard).toEqual([])
  })

  test.each(['http://evil.test//v1/models', 'ftp://evil.test/v1/models', 'file:///v1/models', 'javascript:/v1/models'])(
    '%s is refused',
    async line => {
      expect((await ask(`GET ${line}`)).statuses).toEqual([400])
      expect(at.heard).toEqual([])
    },
  )
})

describe('a target that is no path is refused:', () => {
  test.each([
    'v1/models',
    'xxx/v1/models',
    '@evil.test/v1/models',
    ':80/v1/models',
    '.evil.test/v1/models',
    '?/v1/models',
  ])('%s', async line => {
    expect((await ask(`GET ${line}`)).statuses).toEqual([400])
    expect(at.heard).toEqual([])
  })
  test.each(['GET *', 'OPTIONS *', 'GET evil.test:443', 'CONNECT evil.test:443', 'CONNECT 127.0.0.1:1', 'GET '])(
    '%s',
    async line => {
      expect((await ask(line)).statuses).toEqual([400])
      expect(at.heard).toEqual([])
    },
  )
})

describe('a method that no route takes', () => {
  test.each(['CONNECT', 'TRACE', 'PROPFIND', 'QUERY', 'PURGE', 'LINK', 'SEARCH', 'M-SEARCH'])(
    '%s is a 405',
    async name => {
      for (const path of ['/v1/models', '/v1/chat/completions', '/health']) {
        const { statuses, text } = await ask(`${name} ${path}`)
        expect([path, ...statuses]).toEqual([path, 405])
        // A TRACE that is answered repeats what it was sent, and with it the token.
        expect(text).not.toContain('Bearer ey')
      }
      expect(at.heard).toEqual([])
    },
  )

  test.each(['get', 'Get', 'FOO', 'PRI', 'G\0ET', 'GET\t', 'G\xc9T', 'GET:', '', ' GET'])(
    '%j is not read',
    async name => {
      const { statuses, ended } = await ask(`${name} /v1/models`)
      expect([[], [400], [505]]).toContainEqual([...statuses])
      expect(ended).not.toBe('open')
      expect(at.heard).toEqual([])
    },
  )

  test.each(['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', '_method'])(
    'is not turned into another by %s',
    async name => {
      expect((await ask('POST /v1/models', `${name}: GET\r\nContent-Length: 0\r\n`)).statuses).toEqual([405])
      expect((await ask(`DELETE /v1/models?${name}=GET`, `${name}: GET\r\n`)).statuses).toEqual([405])
      expect(at.heard).toEqual([])
      expect((await ask('GET /v1/models', `${name}: DELETE\r\n`)).statuses).toEqual([200])
      expect(at.heard.map(request => request.slice(0, 4))).toEqual(['GET '])
    },
  )

  test.each(['X-Original-URL', 'X-Rewrite-URL', 'X-Forwarded-Path', 'X-Forwarded-Prefix'])(
    'nor to another path by %s',
    async name => {
      expect((await ask('GET /health', `${name}: /v1/models\r\n`)).text).toContain('"status":"ok"')
      expect((await ask('GET /nowhere', `${name}: /v1/models\r\n`)).statuses).toEqual([404])
      expect((await ask('GET /v1/models', `${name}: /health\r\n`, '')).statuses).toEqual([401])
      expect(at.heard).toEqual([])
    },
  )
})

test.each(['HTTP/0.9', 'HTTP/1.2', 'HTTP/2.0', 'HTTP/1.11', 'http/1.1', 'HTTP/1.1 x', 'HTTP', ''])(
  'the version %j is not spoken',
  async version => {
    const { statuses } = await hurl(at.url, `GET /v1/models ${version}\r\n${HOST}${at.signed}\r\n`)
    expect(statuses).toEqual([505])
    expect(at.heard).toEqual([])
  },
)
