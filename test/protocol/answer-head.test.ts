import { expect, test } from 'bun:test'
import { array, assert, constantFrom, property, uint8Array } from 'fast-check'
import { readHead } from '../../src/protocol/answer-head.ts'

const read = (text: string) => readHead(Buffer.from(text, 'latin1'))
const WHOLE = 'HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 2\r\n\r\n'

test('a head tells status, fields by lower case, framing and where it ends', () => {
  expect(read(`${WHOLE}ok`)).toEqual({
    status: 200,
    headers: { server: 'x', 'content-length': '2' },
    framing: 2,
    keeps: true,
    end: WHOLE.length,
  })
})

test('fields that come twice are joined, or the first counts, or they are left out, as node:http has it', () => {
  const lines =
    'X-A: 1\r\nx-a: \t2 \r\nRetry-After: 3\r\nRetry-After: 4\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n__proto__: c\r\n'
  const head = read(`HTTP/1.1 200 OK\r\n${lines}\r\n`)
  expect(Object.entries(Object(head).headers)).toEqual([
    ['x-a', '1, 2'],
    ['retry-after', '3'],
    ['__proto__', 'c'],
  ])
})

test('what is no blank stays around a value', () => {
  expect(read('HTTP/1.1 200 OK\r\nX-A: \xa0b\xa0 \r\n\r\n')).toMatchObject({ headers: { 'x-a': '\xa0b\xa0' } })
})

test.each([
  ['HTTP/1.1 200 OK\r\n\r\n', true],
  ['HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n', true],
  ['HTTP/1.1 200 OK\r\nConnection: x, Close\r\n\r\n', false],
  ['HTTP/1.1 200 OK\r\nConnection: x\r\nConnection: close\r\n\r\n', false],
  ['HTTP/1.1 200 OK\r\nConnection: not-close\r\n\r\n', true],
  ['HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n', false],
])('%p leaves the connection open: %p', (text, keeps) => {
  expect(read(text)).toMatchObject({ keeps })
})

const REFUSED: Record<string, string> = {
  'blank lines before it': `\r\n${WHOLE}`,
  'a blank before it': ` ${WHOLE}`,
  'another version': WHOLE.replace('1.1', '1.2'),
  'another case of its name': WHOLE.replace('HTTP', 'http'),
  'a status of two digits': WHOLE.replace('200', '20'),
  'a status of four digits': WHOLE.replace('200', '2000'),
  'a control character in the reason': WHOLE.replace('OK', '\x7f'),
  'a folded line': WHOLE.replace('x\r\n', 'x\r\n y\r\n'),
  'a blank before a colon': WHOLE.replace('Server:', 'Server :'),
  'a name of nothing': WHOLE.replace('Server:', ':'),
  'a line without a colon': WHOLE.replace('Server: x', 'Server'),
  'a NUL': WHOLE.replace('x', '\0'),
  'a carriage return in a value': WHOLE.replace('x', 'x\ry'),
  'a line feed alone': WHOLE.replace('x\r\n', 'x\n'),
  'a length with a plus': WHOLE.replace('2\r\n\r\n', '+2\r\n\r\n'),
  'a length of nothing': WHOLE.replace('2\r\n\r\n', '\r\n\r\n'),
  'two lengths in one': WHOLE.replace('2\r\n\r\n', '2, 2\r\n\r\n'),
  'the same length twice': WHOLE.replace('Server: x', 'content-length: 2'),
  'a length of 16 digits': WHOLE.replace('2\r\n\r\n', '0000000000000002\r\n\r\n'),
  'a coding beside a length': WHOLE.replace('Server: x', 'Transfer-Encoding: chunked'),
  'a coding twice': WHOLE.replace(
    'Server: x\r\nContent-Length: 2',
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
  ),
  'another coding': WHOLE.replace('Server: x\r\nContent-Length: 2', 'Transfer-Encoding: gzip, chunked'),
  '257 fields': WHOLE.replace('Server: x', 'X: y\r\n'.repeat(256).trimEnd()),
  '16 KiB and more': WHOLE.replace('x', 'x'.repeat(16_384)),
}
test.each(Object.entries(REFUSED))('is none with %s', (_, text) => {
  expect(read(text)).toBe('malformed')
})

test.each(['SSH-2.0-x\r\n', 'HTTP/2 200', 'HTTP/1.1 200 OK\nContent', 'HTTP/1.1 200 OK\r\nX: \0', 'h'])(
  'what can be none any more is none at once: %p',
  text => {
    expect(read(text)).toBe('malformed')
  },
)

test('the beginning of a head is partial, and nothing that comes behind one changes it', () => {
  for (let end = 0; end < WHOLE.length; end++) expect(read(WHOLE.slice(0, end))).toBe('partial')
  void assert(
    property(
      uint8Array(),
      more => void expect(readHead(Buffer.concat([Buffer.from(WHOLE), more]))).toEqual(read(WHOLE)),
    ),
  )
})

test('one of 16 KiB is a head however it comes, and a longer one is none', () => {
  const begin = 'HTTP/1.1 200 OK\r\nX: '
  const head = Buffer.from(`${begin.padEnd(16_384, 'y')}\r\n\r\n`)
  for (let end = 16_380; end < head.length; end++)
    expect([end, readHead(head.subarray(0, end), end - 1)]).toEqual([end, 'partial'])
  expect(readHead(head, head.length - 1)).toMatchObject({ end: head.length })
  expect(read(`${begin.padEnd(16_385, 'y')}\r\n\r\n`)).toBe('malformed')
  expect(read(begin.padEnd(16_388, 'y'))).toBe('malformed')
})

test('bytes that were seen are not looked at again, and what stands across them is', () => {
  const begun = 'HTTP/1.1 200 OK\r\nX: \0'
  expect(readHead(Buffer.from(`${begun}y`), begun.length)).toBe('partial')
  for (let seen = 0; seen < WHOLE.length; seen++) expect(readHead(Buffer.from(WHOLE), seen)).toEqual(read(WHOLE))
  for (const evil of ['\r\n\n', '\rx', '\n', 'x\n', '\0'])
    for (let seen = WHOLE.length - 4; seen < WHOLE.length - 4 + evil.length; seen++)
      expect([evil, seen, readHead(Buffer.from(WHOLE.slice(0, -4) + evil), seen)]).toEqual([evil, seen, 'malformed'])
})

test('what was malformed stays so, whatever follows, and nothing is thrown', () => {
  const part = constantFrom(
    'HTTP/1.1 ',
    '200',
    ' OK',
    '\r\n',
    '\r',
    '\n',
    'A: b',
    ':',
    ' ',
    '\0',
    'Content-Length: 1',
    '\xff',
  )
  void assert(
    property(array(part, { maxLength: 12 }), parts => {
      let before: unknown
      for (let count = 0; count <= parts.length; count++) {
        const now = read(parts.slice(0, count).join(''))
        if (before === 'malformed') expect(now).toBe('malformed')
        before = now
      }
    }),
    { numRuns: 500 },
  )
})
