import { describe, expect, test } from 'bun:test'
import { ClusterFault, claimsIn } from '../../src/protocol/cluster.ts'

const read = (said: unknown) => claimsIn(Buffer.from(JSON.stringify(said)))
const leader = { name: 'pg-1', role: 'leader', state: 'running', host: 'pg-1.example', port: 5432, timeline: 3 }
const first = { host: 'pg-1.example', port: 5432 }

describe('an answer of /cluster', () => {
  test('tells who claims to be primary, as Patroni 4 writes it', () => {
    const members = [
      { ...leader, api_url: 'http://pg-1.example:8008/patroni' },
      { name: 'pg-2', role: 'sync_standby', state: 'streaming', host: 'pg-2.example', port: 5432, lag: 0 },
      { name: 'pg-3', role: 'replica', state: 'creating replica', lag: 'unknown', tags: { nofailover: true } },
    ]
    expect(read({ members, scope: 'main', pause: true })).toEqual([first])
  })

  test.each(['leader', 'master', 'primary'])('calls it %s', role => {
    expect(read({ members: [{ ...leader, role }] })).toEqual([first])
  })

  test.each(['standby_leader', 'replica', 'quorum_standby', 'uninitialized', 'LEADER', '', null, 7, undefined])(
    'calls nobody primary by the role %j',
    role => {
      expect(read({ members: [{ ...leader, role }] })).toEqual([])
    },
  )

  test('may tell of a primary what only the server itself knows: that is not looked at', () => {
    const odd = { ...leader, state: 'stopped', lag: 'unknown', timeline: 'x', name: 7, tags: null, more: [[[]]] }
    expect(read({ members: [odd] })).toEqual([first])
  })

  test.each<[string, unknown, unknown]>([
    ['a port as text', { port: '6432' }, { port: 6432 }],
    ['no port', { port: undefined }, { port: undefined }],
    ['null for a port', { port: null }, { port: undefined }],
    ['an IPv4 address', { host: '10.0.0.1' }, { host: '10.0.0.1' }],
    ['an IPv6 address', { host: '2001:db8::1' }, { host: '2001:db8::1' }],
    ['an IPv6 address in brackets', { host: '[2001:db8::1]' }, { host: '2001:db8::1' }],
  ])('may give %s', (_, given, read_) => {
    expect(read({ members: [{ ...leader, ...Object(given) }] })).toEqual([{ ...first, ...Object(read_) }])
  })

  test.each<[string, unknown]>([
    ['the directory of a socket', { host: '/run/postgresql' }],
    ['several hosts', { host: 'a.example,b.example' }],
    ['a user with a host', { host: 'me@a.example' }],
    ['a host with a port', { host: 'a.example:5432' }],
    ['letters beyond ASCII', { host: 'раураl.example' }],
    ['a line break', { host: 'a.example\nb' }],
    ['NUL', { host: 'a.example\0.b' }],
    ['a zone', { host: 'fe80::1%eth0' }],
    ['an empty host', { host: '' }],
    ['a host of 254 letters', { host: 'a'.repeat(254) }],
    ['an object for a host', { host: { toString: 'a' } }],
    ['no host', { host: undefined }],
    ['port 0', { port: 0 }],
    ['port 65536', { port: 65_536 }],
    ['port 5432.5', { port: 5432.5 }],
    ['a port in hex', { port: '0x1538' }],
    ['an object for a port', { port: {} }],
  ])('is passed over where it gives %s, and the others are read', (_, given) => {
    expect(read({ members: [{ ...leader, ...Object(given) }, null, 7, [], leader] })).toEqual([first])
  })

  test.each<[string, string | Uint8Array]>([
    ['nothing', ''],
    ['HTML', '<html>'],
    ['no UTF-8', new Uint8Array([0x7b, 0xff, 0x7d])],
    ['null', 'null'],
    ['a list', '[]'],
    ['no members', '{}'],
    ['members that are no list', '{"members":{"length":1}}'],
    ['a hundred thousand brackets', '['.repeat(100_000)],
    ['two objects', '{"members":[]}{"members":[]}'],
  ])('that is %s is none of Patroni’s', (_, body) => {
    expect(() => claimsIn(Buffer.from(body))).toThrow(new ClusterFault('malformed'))
  })

  test('that calls nine members primary is none either: each would be asked', () => {
    expect(read({ members: Array(8).fill(leader) })).toHaveLength(8)
    expect(() => read({ members: Array(9).fill(leader) })).toThrow(new ClusterFault('malformed'))
  })
})
