import { expect, test } from 'bun:test'
import { isOrigin, isOriginPattern, originMatcher } from '../../src/protocol/origins.ts'

const allowed = originMatcher(['https://app.example', 'http://localhost:5173', 'https://*.example.com'])

test.each(['https://app.example', 'http://localhost:5173', 'https://a.example.com', 'https://a-1.example.com'])(
  '%s is on the list',
  origin => {
    expect(allowed(origin)).toBe(true)
  },
)

test.each([
  'null',
  '',
  'http://app.example',
  'https://app.example.evil.example',
  'https://app.example:444',
  'https://APP.example',
  'https://app.example/',
  'http://localhost',
  'http://localhost:5174',
  'https://example.com',
  'https://.example.com',
  'https://evilexample.com',
  'https://evil-example.com',
  'https://a.b.example.com',
  'http://a.example.com',
  'https://a.example.com:8443',
  'https://a.example.com.evil.example',
  'https://evil.example?.example.com',
  'https://evil.example#.example.com',
  'https://evil.example/.example.com',
  'https://user@x.example.com',
])('%j is not', origin => {
  expect(allowed(origin)).toBe(false)
})

test('a pattern is an origin, or the direct subdomains of one over https', () => {
  for (const text of ['https://a.b', 'http://localhost:1', 'http://[::1]:80', 'https://*.example.com:8443'])
    expect(isOriginPattern(text)).toBe(true)
  for (const text of [
    '*',
    'https://*',
    'https://*.com',
    'http://*.example.com',
    'https://a.*.com',
    'a.b',
    'https://a.b/',
    'ftp://a',
  ])
    expect(isOriginPattern(text)).toBe(false)
})

test.each(['https://app.example', 'http://localhost:3000', 'http://127.0.0.1', 'https://[::1]:8443', 'https://a.b:80'])(
  '%s is an origin as browsers send it',
  origin => expect(isOrigin(origin)).toBe(true),
)

test.each([
  '',
  'null',
  'https://*.example.com',
  'https://app.example/',
  'https://app.example:443',
  'http://app.example:80',
  'https://App.example',
  'http://127.1',
  'http://[0:0:0:0:0:0:0:1]',
  'https://me@app.example',
  'ws://app.example',
  'https://app.example:99999',
])('%j is not', origin => expect(isOrigin(origin)).toBe(false))
