import { describe, expect, test } from 'bun:test'
import { browsers } from '../../../src/features/auth/browser.ts'

const key = new Uint8Array(32).fill(7)
const secure = browsers({ key, publicUrl: 'https://gateway.example' })
const local = browsers({ key, publicUrl: 'http://localhost:3000' })

/** What a browser sends back of a `Set-Cookie`. */
const pairOf = (line: string) => line.split(';')[0] ?? ''
const bringing = (cookie: string) => new Request('http://gateway.test/', { headers: { cookie } })

describe('the cookie of a browser', () => {
  test('is for this host alone, and for no script', () => {
    expect(secure.cookieOf(secure.fresh())).toMatch(
      /^__Host-sealgate-browser=[\w-]{43}\.[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax; Secure$/,
    )
  })

  test('is plain on plain http', () => {
    expect(local.cookieOf(local.fresh())).toMatch(
      /^sealgate-browser=[\w-]{43}\.[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/,
    )
  })

  test('is random', () => {
    expect(new Set(Array.from({ length: 50 }, secure.fresh)).size).toBe(50)
  })

  test('tells which one it is, wherever it stands', () => {
    const browser = secure.fresh()
    const pair = pairOf(secure.cookieOf(browser))
    for (const cookie of [pair, `a=b; ${pair}`, `${pair}; a=b`, `a=b;${pair};c=d`, `sealgate-browser=x; ${pair}`])
      expect(secure.of(bringing(cookie))).toBe(browser)
  })
})

describe('no browser is told by', () => {
  const browser = secure.fresh()
  const pair = pairOf(secure.cookieOf(browser))
  const [name = '', value = ''] = pair.split('=')
  const [id = '', mac = ''] = value.split('.')
  const others = browsers({ key: new Uint8Array(32), publicUrl: 'https://gateway.example' })
  test.each([
    ['no cookie', ''],
    ['an empty one', `${name}=`],
    ['one without a signature', `${name}=${id}`],
    ['one with an empty signature', `${name}=${id}.`],
    ['one that is signed for another', `${name}=${secure.fresh()}.${mac}`],
    ['one that another key signed', pairOf(others.cookieOf(browser))],
    ['one with something after it', `${pair}x`],
    ['one with something before it', `${name}=x${value}`],
    ['one in quotes', `${name}="${value}"`],
    ['the same twice', `${pair}; ${pair}`],
    ['a good one and then a forged one', `${pair}; ${name}=x`],
    ['a forged one and then a good one', `${name}=x; ${pair}`],
    ['two lines, which arrive joined', `${pair}, ${name}=x`],
    ['one under the name for plain http, which any neighbour may set', pair.replace('__Host-', '')],
    ['one under another name', pair.replace('sealgate', 'Sealgate')],
    ['a signature alone', `${name}=.${mac}`],
  ])('%s', (_, cookie) => expect(secure.of(bringing(cookie))).toBeUndefined())
})
