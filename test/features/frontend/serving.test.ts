import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { loadSite } from '../../../src/features/frontend/site.ts'
import { type Kit, startGateway } from '../../kit/gateway.ts'
import { rawRequest } from '../../kit/raw.ts'
import { builtSpa, SCRIPT, STYLE, textOf } from '../../kit/spa.ts'

const dist = builtSpa({ 'docs/page.html': 'shadowed', 'v1/models': 'shadowed' })
let kit: Kit
const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(kit.url + path, { method, headers: { 'accept-encoding': 'identity', ...headers }, decompress: false })

beforeAll(async () => {
  const origins = ['https://app.example']
  kit = await startGateway({ upstream: 'http://127.0.0.1:1', frontend: { site: loadSite(dist) }, origins })
})
afterAll(() => kit.stop())

describe('a file', () => {
  test.each([
    ['/', 'text/html;charset=utf-8', 'no-store', 'index.html'],
    ['/index.html', 'text/html;charset=utf-8', 'no-store', 'index.html'],
    [`/${SCRIPT}`, 'text/javascript;charset=utf-8', 'public, max-age=31536000, immutable', SCRIPT],
    [`/${STYLE}`, 'text/css;charset=utf-8', 'public, max-age=31536000, immutable', STYLE],
    ['/favicon.svg', 'image/svg+xml', 'no-cache', 'favicon.svg'],
    ['/robots.txt', 'text/plain;charset=utf-8', 'no-cache', 'robots.txt'],
    ['/a%20b/%C3%BC.txt', 'text/plain;charset=utf-8', 'no-cache', 'a b/ü.txt'],
  ])('at %s is as the build wrote it', async (path, type, caching, file) => {
    const answer = await ask(path)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe(type)
    expect(answer.headers.get('cache-control')).toBe(caching)
    expect(answer.headers.get('etag')).toMatch(/^"[\w-]{43}"$/)
    expect(await answer.text()).toBe(textOf(file))

    const wire = await rawRequest(kit.url, `HEAD ${path} HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\r\n`)
    const head = await wire.gone()
    expect(head).toMatch(
      new RegExp(`^HTTP/1.1 200 OK\r\n.*content-length: ${Buffer.byteLength(textOf(file))}\r\n`, 'is'),
    )
    expect(head).toEndWith('\r\n\r\n')
  })

  test.each(['/', `/${SCRIPT}`, '/chats/42', '/favicon.svg'])('at %s says what browsers may do with it', async path => {
    const { headers } = await ask(path)
    expect(headers.get('content-security-policy')).toStartWith("default-src 'self';")
    expect(headers.get('content-security-policy')).toEndWith("frame-ancestors 'none'")
    expect(headers.get('content-security-policy')).not.toMatch(/unsafe|\*/)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.has('strict-transport-security')).toBe(false)
  })

  test('is what it was at the start, whatever is written since', async () => {
    writeFileSync(join(dist, 'robots.txt'), 'another')
    writeFileSync(join(dist, 'new.txt'), 'new')
    expect(await (await ask('/robots.txt')).text()).toBe(textOf('robots.txt'))
    expect((await ask('/new.txt')).status).toBe(404)
  })

  test('that is empty is sent', async () => {
    const answer = await ask('/assets/empty.txt', { 'accept-encoding': 'br' })
    expect([answer.status, await answer.text()]).toEqual([200, ''])
  })
})

describe('a path without a file', () => {
  test.each(['/chats/42', '/auth/callback?code=x', '/models/gpt-4.1', '/chats/', '/healthy', '/assets', '/a%20b'])(
    'is a page of the application: %s',
    async path => {
      const answer = await ask(path)
      expect([answer.status, await answer.text()]).toEqual([200, textOf('index.html')])
      expect(answer.headers.get('cache-control')).toBe('no-store')
    },
  )

  test.each(['/assets/index-00000000.js', '/logo.png', '/chats/42.json', '/index.htm', '/INDEX.html', '/Robots.txt'])(
    'is a 404 where a file is meant: %s',
    async path => {
      const answer = await ask(path)
      expect(answer.status).toBe(404)
      expect(await answer.json()).toMatchObject({ error: { code: 'not_found' } })
      expect(answer.headers.get('cache-control')).toBe('no-store')
    },
  )

  test.each([
    ...['/v1', '/v1/', '/v1/nothing', '/v1/users/me/nothing', '/V1/models', '/%761/nothing', '/v1/page.html'],
    ...['/health/', '/health/x', '/HEALTH', '/readyz/x', '/docs/', '/docs/page.html', '/api', '/api/x', '/api-docs'],
    ...[
      '/attestation/x',
      '/.well-known',
      '/.well-known/security.txt',
      '/.env',
      '/assets/.DS_Store',
      '/.git/HEAD',
      '/...',
    ],
  ])('is never the application’s where the gateway’s own are: %s', async path => {
    const answer = await ask(path)
    expect([path, answer.status]).toEqual([path, 404])
    expect(await answer.json()).toMatchObject({ error: { code: 'not_found' } })
  })

  test('is a 405 by any other method, and the gateway’s own say what they take', async () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
      for (const path of ['/', '/chats/42', '/robots.txt']) {
        const answer = await ask(path, {}, method)
        expect([method, path, answer.status, answer.headers.get('allow')]).toEqual([method, path, 405, 'GET, HEAD'])
      }
    const chat = await ask('/v1/chat/completions')
    expect([chat.status, chat.headers.get('allow')]).toEqual([405, 'POST'])
    expect((await ask('/v1/nothing', {}, 'PUT')).status).toBe(404)
    expect((await ask('/logo.png', {}, 'PUT')).status).toBe(404)
  })

  test('goes into the log as no path of the caller’s', async () => {
    await ask('/chats/whispered')
    expect(kit.lines.at(-1)).toContain('"route":"/*"')
    expect(kit.lines.join('')).not.toContain('whispered')
  })
})

test('every route of the gateway is out of the application’s reach', async () => {
  const firsts = new Set(kit.routes.map(({ path }) => path.split('/')[1] ?? ''))
  for (const first of firsts)
    if (first !== '') expect([first, (await ask(`/${first}/no-such-thing`)).status]).toEqual([first, 404])
})

describe('a coding', () => {
  test.each([
    ['br, gzip', SCRIPT, 'br', brotliDecompressSync],
    ['gzip', SCRIPT, 'gzip', gunzipSync],
    ['br, gzip', STYLE, 'gzip', gunzipSync],
    ['br;q=0.1, gzip;q=0.9', SCRIPT, 'gzip', gunzipSync],
    ['br', 'index.html', 'br', brotliDecompressSync],
  ])('that is asked for by "%s" for %s', async (accepted, file, coding, decode) => {
    const answer = await ask(`/${file}`, { 'accept-encoding': accepted })
    expect(answer.headers.get('content-encoding')).toBe(coding)
    expect(answer.headers.get('content-type')).toBe((await ask(`/${file}`)).headers.get('content-type'))
    expect(answer.headers.get('vary')).toBe('Origin, Accept-Encoding')
    expect(decode(await answer.bytes()).toString()).toBe(textOf(file))
  })

  test('has a validator of its own', async () => {
    const tags = await Promise.all(
      ['br', 'gzip', 'identity'].map(async accepted =>
        (await ask(`/${SCRIPT}`, { 'accept-encoding': accepted })).headers.get('etag'),
      ),
    )
    expect(new Set(tags).size).toBe(3)
  })

  test('is no matter where there is one alone', async () => {
    const answer = await ask('/robots.txt', { 'accept-encoding': 'br' })
    expect(answer.headers.has('content-encoding')).toBe(false)
    expect(answer.headers.get('vary')).toBe('Origin')
  })
})

describe('a validator', () => {
  test.each([
    ['/favicon.svg', (tag: string) => tag],
    ['/', (tag: string) => `W/${tag}`],
    [`/${SCRIPT}`, (tag: string) => `"another", ${tag}`],
    ['/favicon.svg', () => '*'],
  ])('that is known spares the body of %s', async (path, written) => {
    const { headers } = await ask(path)
    const again = await ask(path, { 'if-none-match': written(headers.get('etag') ?? '') })
    expect([again.status, await again.text()]).toEqual([304, ''])
    for (const name of ['etag', 'cache-control', 'content-security-policy', 'vary'])
      expect([name, again.headers.get(name)]).toEqual([name, headers.get(name)])
  })

  test('of another coding, of another file or without quotes does not', async () => {
    const tag = (await ask(`/${SCRIPT}`)).headers.get('etag') ?? ''
    const accepted = { 'accept-encoding': 'br' }
    expect((await ask(`/${SCRIPT}`, { 'if-none-match': tag, ...accepted })).status).toBe(200)
    expect((await ask('/', { 'if-none-match': tag })).status).toBe(200)
    expect((await ask(`/${SCRIPT}`, { 'if-none-match': tag.slice(1, -1) })).status).toBe(200)
  })
})

describe('a range', () => {
  const text = textOf('robots.txt')

  test('is a part of the file', async () => {
    const answer = await ask('/robots.txt', { range: 'bytes=2-5' })
    expect([answer.status, await answer.text()]).toEqual([206, text.slice(2, 6)])
    expect(answer.headers.get('content-range')).toBe(`bytes 2-5/${text.length}`)
    expect(answer.headers.get('content-length')).toBe('4')
    expect(answer.headers.get('content-type')).toBe('text/plain;charset=utf-8')
  })

  test('is a part of the coding that is asked for', async () => {
    const whole = await (await ask(`/${SCRIPT}`, { 'accept-encoding': 'gzip' })).bytes()
    const end = await ask(`/${SCRIPT}`, { 'accept-encoding': 'gzip', range: 'bytes=-10' })
    expect(end.headers.get('content-encoding')).toBe('gzip')
    expect(await end.bytes()).toEqual(whole.slice(-10))
  })

  test('past the end is a 416 that says where that is', async () => {
    const answer = await ask('/robots.txt', { range: 'bytes=999-' })
    expect([answer.status, answer.headers.get('content-range')]).toEqual([416, `bytes */${text.length}`])
    expect(await answer.json()).toMatchObject({ error: { code: 'range_not_satisfiable' } })
    expect((await ask('/', { range: 'bytes=9999999-' })).status).toBe(416)
  })

  test('is left aside by HEAD, by several, and where the file is another by now', async () => {
    const { headers } = await ask('/robots.txt')
    const tag = headers.get('etag') ?? ''
    const status = async (more: Record<string, string>, method?: string) =>
      (await ask('/robots.txt', { range: 'bytes=0-1', ...more }, method)).status
    expect(await status({ 'if-range': tag })).toBe(206)
    expect(await status({ 'if-range': `W/${tag}` })).toBe(200)
    expect(await status({ 'if-range': '"another"' })).toBe(200)
    expect(await status({ 'if-range': 'Sun, 22 Nov 2026 00:00:00 GMT' })).toBe(200)
    expect(await status({ range: 'bytes=0-1,3-4' })).toBe(200)
    expect(await status({}, 'HEAD')).toBe(200)
    expect(await status({ 'if-none-match': tag })).toBe(304)
  })
})
