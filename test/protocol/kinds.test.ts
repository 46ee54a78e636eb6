import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  baseUrl,
  boolean,
  choice,
  clientText,
  database,
  headerToken,
  hexKey,
  host,
  integer,
  isOnLoopback,
  issuer,
  list,
  listenAddress,
  proxyUrl,
  quoted,
  travelsInTheClear,
  url,
} from '../../src/protocol/kinds.ts'

test('a proxy is a URL with at most a user and a password, which can be decoded', () => {
  const fine = [
    'http://proxy.example:3128',
    'https://ada:p%40ss@proxy.example',
    'http://[::1]:8080',
    'HTTP://10.0.0.1/',
  ]
  expect(fine.map(proxyUrl.read)).toEqual([
    'http://proxy.example:3128/',
    'https://ada:p%40ss@proxy.example/',
    'http://[::1]:8080/',
    'http://10.0.0.1/',
  ])
  const wrong = [
    'proxy.example:3128',
    'socks5://a',
    'http://a/path',
    'http://a/?',
    'http://a/#',
    'http://',
    'http://a b',
  ]
  expect([...wrong, 'http://100%:b@a', 'http://%ff:b@a'].map(proxyUrl.read)).toEqual(Array(9).fill(undefined))
})

describe('integer', () => {
  const port = integer(0, 65_535)

  test('reads every number within its bounds as it is written in plain decimals', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 65_535 }), number => expect(port.read(String(number))).toBe(number)),
    )
  })

  test('refuses every text that is not the plain decimals of a number within its bounds', () => {
    const almost = fc.string({ unit: fc.constantFrom(...'0123456789.-+ex_ \n٣') })
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'grapheme' }), almost), text => {
        const number = port.read(text)
        if (number !== undefined) expect(String(number)).toBe(text)
      }),
      { numRuns: 2_000 },
    )
  })

  test.each([
    '',
    ' 5',
    '5 ',
    '5\n',
    '05',
    '+5',
    '-0',
    '-1',
    '1e3',
    '0x10',
    '5.0',
    '1_000',
    '٣',
    'NaN',
    'Infinity',
    '65536',
    '1e+21',
  ])('refuses %j', text => expect(port.read(text)).toBeUndefined())

  test('accepts its bounds and nothing beyond them', () => {
    expect(['0', '1', '9', '10'].map(integer(1, 9).read)).toEqual([undefined, 1, 9, undefined])
  })
})

describe('choice, boolean and list', () => {
  test('a choice is one of its words, written exactly so', () => {
    expect(['text', 'json', 'JSON', 'constructor', ''].map(choice('text', 'json').read)).toEqual([
      'text',
      'json',
      undefined,
      undefined,
      undefined,
    ])
  })

  test('a boolean is true, 1, false or 0, and nothing that JavaScript might take for one', () => {
    expect(['true', '1', 'false', '0'].map(boolean.read)).toEqual([true, true, false, false])
    for (const text of ['', 'yes', 'TRUE', 'on', 'constructor', '__proto__']) expect(boolean.read(text)).toBeUndefined()
  })

  test('a list drops the blanks around its entries and cannot be changed', () => {
    const entries = list.read(' a, b c ,d')
    expect(entries).toEqual(['a', 'b c', 'd'])
    expect(Object.isFrozen(entries)).toBe(true)
  })

  test.each([',', ' ', 'a,', ',a', 'a,,b'])('a list with an empty entry (%j) is refused', text =>
    expect(list.read(text)).toBeUndefined(),
  )
})

describe('host and database', () => {
  test.each(['0.0.0.0', 'localhost', 'gate-1.example', '::', '::1', 'fe80::1%eth0', '::ffff:127.0.0.1'])(
    '%s is a host',
    text => expect(host.read(text)).toBe(text),
  )

  test.each(['', ' ', '0.0.0.0:5381', 'http://localhost', '[::1]', 'a b', 'a\n'])('%j is no host', text =>
    expect(host.read(text)).toBeUndefined(),
  )

  test.each([
    'sqlite:sealgate.db',
    'sqlite:/var/lib/sealgate/a b.db',
    'sqlite::memory:',
    'postgres://db/sealgate',
    'postgresql://me:p%40ss@[::1]:5433/sealgate?search_path=gate',
  ])('%s is a database', text => expect(database.read(text)).toBe(text))

  test.each([
    '',
    'sqlite:',
    'sqlite::memory',
    'sqlite://host/file',
    'sealgate.db',
    'postgres://db',
    'postgres:///sealgate',
    'postgres://db/a/b',
    'postgres://db/a b',
    'mysql://db/sealgate',
  ])('%j is no database that is understood', text => expect(database.read(text)).toBeUndefined())
})

describe('url and baseUrl', () => {
  test('a URL may have a path and a query', () => {
    expect(url.read('https://id.example/keys?policy=a')).toBe('https://id.example/keys?policy=a')
  })

  test('a base URL keeps its path and loses the slash at its end', () => {
    expect(baseUrl.read('https://h.example/')).toBe('https://h.example')
    expect(baseUrl.read('HTTP://H.example:8080/a/b/')).toBe('http://h.example:8080/a/b')
  })

  test.each(['https://u@h.example', 'https://u:p@h.example', 'https://h.example/#a', 'https://h.example/#'])(
    'neither may name a user or a fragment: %s',
    text => expect([url.read(text), baseUrl.read(text)]).toEqual([undefined, undefined]),
  )

  test.each([
    'h.example',
    'ftp://h.example',
    'file:///etc/passwd',
    'https:h.example',
    'https://',
    ' https://h.example',
    'https://h.ex\nample',
  ])('%j is neither', text => expect([url.read(text), baseUrl.read(text)]).toEqual([undefined, undefined]))

  test.each(['https://h.example/?', 'https://h.example/?a=b'])('a base URL has no query: %s', text =>
    expect(baseUrl.read(text)).toBeUndefined(),
  )
})

describe('issuer', () => {
  test.each(['https://id.example', 'https://id.example/', 'HTTPS://Id.example:443/a/'])('is kept as it is: %s', text =>
    expect(issuer.read(text)).toBe(text),
  )

  test.each([
    'https://id.example?a',
    'https://id.example/#',
    'https://me@id.example',
    ' https://id.example',
    'id.example',
  ])('is not %j', text => expect(issuer.read(text)).toBeUndefined())
})

describe('isOnLoopback', () => {
  test.each(['http://localhost:1/a', 'https://127.8.0.1', 'http://[::1]'])('says yes to %s', address =>
    expect(isOnLoopback(address)).toBe(true),
  )

  test.each(['https://h.example', 'https://localhost.example', 'https://10.0.0.1', 'https://0.0.0.0'])(
    'says no to %s',
    address => expect(isOnLoopback(address)).toBe(false),
  )
})

describe('travelsInTheClear', () => {
  test.each([
    'http://localhost:1',
    'http://127.0.0.1',
    'http://127.9.8.7:80/a',
    'http://[::1]/',
    'http://127.1',
    'https://h.example',
  ])('says no to %s', address => expect(travelsInTheClear(address)).toBe(false))

  test.each([
    'http://h.example',
    'http://127.0.0.1.example',
    'http://localhost.example',
    'http://10.0.0.1',
    'http://[::2]',
    'http://0.0.0.0',
  ])('says yes to %s', address => expect(travelsInTheClear(address)).toBe(true))
})

describe('hexKey and headerToken', () => {
  test('a key is exactly 64 hex digits', () => {
    expect(hexKey.read('aB'.repeat(32))).toBe('aB'.repeat(32))
    for (const text of ['', 'a'.repeat(63), 'a'.repeat(65), 'g'.repeat(64), `${'a'.repeat(64)}\n`]) {
      expect(hexKey.read(text)).toBeUndefined()
    }
  })

  test('a header token can always stand in an HTTP header', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), text => {
        const token = headerToken.read(text)
        if (token !== undefined) expect(new Headers({ a: `Bearer ${token}` }).get('a')).toBe(`Bearer ${text}`)
      }),
    )
    for (const text of ['', 'a b', 'a\r\nb', 'a\n', 'ключ', 'a\0']) expect(headerToken.read(text)).toBeUndefined()
  })
})

describe('clientText', () => {
  test.each(['a', 'a.apps.example', 'two words', '~!@#$%^&*()'])('is %j', text =>
    expect(clientText.read(text)).toBe(text),
  )

  test.each(['', ' ', ' a', 'a ', 'a\n', 'a\tb', 'a\u00a0', 'ключ'])('is not %j', text =>
    expect(clientText.read(text)).toBeUndefined(),
  )
})

describe('quoted', () => {
  test('shows at most 80 characters, escaped', () => {
    expect(quoted('a\n"b"\u001b[2J')).toBe('"a\\n\\"b\\"\\u001b[2J"')
    expect(JSON.parse(quoted('a'.repeat(500)))).toHaveLength(80)
  })

  test.each([
    ['postgres://me:pass@db/sealgate', '"postgres..."'],
    ['postgresql://me:pa/ss@db/sealgate', '"postgresql..."'],
    [' Postgres:me:pass', '"Postgres..."'],
    ['mysql://me:pass@db/sealgate', '"mysql://...@db/sealgate"'],
    ['me:p@ss/pass@db', '"...@db"'],
    ['https://h.example/a?key=pass', '"https://h.example/a?..."'],
    ['host=db password=pass', '"host=..."'],
  ])('shows no password in %s', (text, shown) => expect(quoted(text)).toBe(shown))
})

describe('an address to listen on', () => {
  test.each([
    ['127.0.0.1:9464', { host: '127.0.0.1', port: 9464 }],
    ['0.0.0.0:0', { host: '0.0.0.0', port: 0 }],
    ['[::1]:9464', { host: '::1', port: 9464 }],
    ['localhost:65535', { host: 'localhost', port: 65_535 }],
  ])('%s is a host and a port', (text, address) => expect(listenAddress.read(text)).toEqual(address))

  test('off is none', () => expect(listenAddress.read('off')).toBe('off'))

  test.each([
    '',
    'OFF',
    ':9464',
    '9464',
    '127.0.0.1',
    '127.0.0.1:',
    '::1:9464',
    '[127.0.0.1]:1',
    '[::1]',
    'a:65536',
    'a:01',
    'http://a:1',
    'a b:1',
    'a:1/metrics',
  ])('refuses %j', text => expect(listenAddress.read(text)).toBeUndefined())
})
