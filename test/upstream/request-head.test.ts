import { expect, test } from 'bun:test'
import { requestHead } from '../../src/upstream/request-head.ts'
import type { Outgoing } from '../../src/upstream/transport.ts'

const outgoing = (asked: Partial<Outgoing>): Outgoing => ({
  origin: new URL('https://enclave.example:8443/v1'),
  method: 'POST',
  path: '/a?b',
  headers: {},
  body: null,
  reached: () => undefined,
  signal: new AbortController().signal,
  ...asked,
})
const lines = (asked: Partial<Outgoing>, last = false) => requestHead(outgoing(asked), last).split('\r\n')
const body = { head: new Uint8Array(2) }

test('a head names its host, and how its body ends', () => {
  const begin = ['POST /a?b HTTP/1.1', 'Host: enclave.example:8443']
  expect(lines({})).toEqual([...begin, 'content-length: 0', '', ''])
  expect(lines({ body })).toEqual([...begin, 'transfer-encoding: chunked', '', ''])
  expect(lines({ body, headers: { 'Content-Length': '2' } })).toEqual([...begin, 'Content-Length: 2', '', ''])
  expect(lines({ headers: { 'content-length': '0' } })).toEqual([...begin, 'content-length: 0', '', ''])
  expect(lines({ method: 'GET', origin: new URL('http://[::1]:80') }, true)).toEqual([
    'GET /a?b HTTP/1.1',
    'Host: [::1]',
    'connection: close',
    '',
    '',
  ])
})

test.each<Partial<Outgoing>>([
  { method: 'GET / HTTP/1.1\r\nX:' },
  { method: '' },
  { path: '/a b' },
  { path: '/a\r\nX: y' },
  { path: '' },
  { path: 'http://elsewhere.example/a' },
  { path: '/\xe9' },
  { path: '/\u{1f600}' },
  { headers: { 'X: y\r\nZ': 'z' } },
  { headers: { '': 'z' } },
  { headers: { X: 'y\r\nZ: z' } },
  { headers: { X: 'y\nZ' } },
  { headers: { X: '\0' } },
  { headers: { X: '\x7f' } },
  { headers: { X: '\u0100' } },
])('nothing is smuggled into one: %p', asked => {
  expect(() => lines(asked)).toThrow('that is none')
})
