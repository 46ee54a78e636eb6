import { describe, expect, test } from 'bun:test'
import { frontendCallbacks, redirectTo } from '../../src/protocol/frontend-callback.ts'
import { withLines } from '../kit/data.ts'
import { outcome, problemOf } from '../kit/problem.ts'

const callbackOf = frontendCallbacks(['https://app.example', 'https://app.example:8443', 'http://localhost:3000'])

describe('a callback is taken', () => {
  test.each([
    'https://app.example',
    'https://app.example/',
    'https://app.example/chat',
    'https://app.example/chat/auth/callback',
    'https://app.example/%2e%2e%2f;a=b',
    'https://app.example:8443/',
    'http://localhost:3000',
    'http://localhost:3000/',
    'http://localhost:61234/app',
    'http://localhost',
  ])('%s', text => expect(callbackOf(text)).toBe(text))
})

describe('a callback is refused', () => {
  test.each([
    ['', 'absolute'],
    ['/chat', 'absolute'],
    ['//app.example/chat', 'absolute'],
    ['https:app.example', 'absolute'],
    ['https:/app.example', 'absolute'],
    ['https:///app.example', 'absolute'],
    ['javascript:alert(1)//https://app.example', 'absolute'],
    ['nearai://auth', 'absolute'],
    ['ftp://app.example/', 'absolute'],
    ['blob:https://app.example/', 'absolute'],
    ['https://app.example/?a=b', 'query'],
    ['https://app.example/?', 'query'],
    ['https://app.example/#a', 'fragment'],
    ['https://app.example/#', 'fragment'],
    ['https://ada@app.example/', 'user'],
    ['https://ada:secret@app.example/', 'user'],
    ['https://@app.example/', 'plainest'],
    ['https://app.example\\@evil.example/', 'plainest'],
    ['https://app.example\\.evil.example', 'plainest'],
    ['https:\\\\app.example', 'absolute'],
    [' https://app.example/', 'absolute'],
    ['https://app.example/ ', 'plainest'],
    ['https://app.example/a b', 'plainest'],
    ['https://app.ex\tample/', 'plainest'],
    ['https://app.example/\n', 'plainest'],
    ['https://app.example/\0', 'plainest'],
    ['https://app.example/a/../b', 'plainest'],
    ['https://app.example/%2e%2e/b', 'plainest'],
    ['https://app.example/ü', 'plainest'],
    ['https://app.example:443/', 'plainest'],
    ['https://APP.example/', 'plainest'],
    ['HTTPS://app.example/', 'absolute'],
    ['https://app%2eexample/', 'plainest'],
    ['https://app。example/', 'plainest'],
    ['https://app.example./', 'listed'],
    ['https://app.example.evil.example/', 'listed'],
    ['https://evil.example/https://app.example/', 'listed'],
    ['https://sub.app.example/', 'listed'],
    ['https://app.example:444/', 'listed'],
    ['https://app.example:99999/', 'plainest'],
    ['http://app.example/', 'of https'],
    ['http://localhost.evil.example/', 'of https'],
    ['https://localhost:3000/', 'listed'],
    ['http://127.0.0.1:3000/', 'listed'],
    ['http://[::1]:3000/', 'listed'],
    ['http://2130706433:3000/', 'plainest'],
    ['http://127.1:3000/', 'plainest'],
  ])('%j, for it must be %s', async (text, word) => {
    const { code, message } = await problemOf(() => callbackOf(text))
    expect([code, message]).toEqual(['invalid_query', expect.stringContaining(word)])
    expect(message).not.toContain('evil')
  })

  test('that would fill the database and the header it comes back in', async () => {
    const longest = `https://app.example/${'a'.repeat(2028)}`
    expect(callbackOf(longest)).toBe(longest)
    const { code, message } = await problemOf(() => callbackOf(`${longest}a`))
    expect([code, message]).toEqual(['invalid_query', expect.stringContaining('2048')])
  })

  test('whatever it is, where none is listed', async () => {
    expect(await outcome(() => frontendCallbacks([])('https://app.example'))).toBe('invalid_query')
  })
})

describe('a loopback origin', () => {
  test.each(['http://localhost', 'http://127.0.0.1', 'http://127.9.8.7', 'http://[::1]'])(
    '%s is listed for each of its ports, and for itself alone',
    async origin => {
      const callbackOf = frontendCallbacks([`${origin}:3000`])
      expect(callbackOf(`${origin}:4000/app`)).toBe(`${origin}:4000/app`)
      for (const other of ['http://localhost:1', 'http://127.0.0.1:1', 'http://127.9.8.7:1', 'http://[::1]:1'])
        expect(await outcome(() => callbackOf(other))).toBe(other === `${origin}:1` ? 'fine' : 'invalid_query')
    },
  )
})

describe('a sign-in ends', () => {
  test.each([
    ['https://app.example', 'https://app.example/auth/callback'],
    ['https://app.example/', 'https://app.example/auth/callback'],
    ['https://app.example/chat', 'https://app.example/chat/auth/callback'],
    ['https://app.example/chat/', 'https://app.example/chat/auth/callback'],
    ['https://app.example/chat/auth/callback', 'https://app.example/chat/auth/callback'],
    ['https://app.example/auth/callback/', 'https://app.example/auth/callback'],
    ['https://app.example/xauth/callback', 'https://app.example/xauth/callback/auth/callback'],
  ])('for %s at %s', (callback, url) => {
    const query = { code: 'a b&c=d#e/ü', error_description: '<script>' }
    const told = redirectTo(callback, query)
    expect(told).toBe(`${url}?code=a+b%26c%3Dd%23e%2F%C3%BC&error_description=%3Cscript%3E`)
    expect(Object.fromEntries(new URL(told).searchParams)).toEqual(query)
  })
})

withLines('oauth', 'an open redirect ends at no origin but a listed one, if at all', async lines => {
  const callbackOf = frontendCallbacks(['https://www.whitelisteddomain.tld', 'http://localhost'])
  const ends = new Set<string>()
  for (const text of lines)
    if ((await outcome(() => callbackOf(text))) === 'fine') ends.add(new URL(redirectTo(text, {})).origin)
  expect([...ends]).toEqual(['https://www.whitelisteddomain.tld'])
})
