import { describe, expect, test } from 'bun:test'
import {
  displayedAddress,
  isOnThisMachine,
  isSocket,
  postgresAddress,
  postgresUrl,
} from '../../src/protocol/database-url.ts'

const address = { host: 'db.example', port: 6432, database: 'sealgate', user: 'me', password: 'p' }

describe('a URL of PostgreSQL', () => {
  test('says where, who, which, and what sessions are set to', () => {
    expect(postgresAddress('postgresql://me:p%40ss%2F@[::1]:5433/seal%20gate?search_path=gate')).toEqual({
      ...{ host: '::1', port: 5433, database: 'seal gate', user: 'me', password: 'p@ss/' },
      parameters: { search_path: 'gate' },
    })
    expect(postgresAddress('postgres://db/sealgate')).toMatchObject({ port: 5432, user: 'postgres', password: '' })
  })

  test.each([
    ['a name', { ...address }],
    ['letters that a URL has a meaning for', { ...address, user: 'a:b@c', password: '%/?#[]é ', database: 'a/b?c' }],
    ['an address of IPv6', { ...address, host: 'fe80::1' }],
    ['the directory of a socket', { ...address, host: '/var/run/my postgres' }],
    ['no password', { ...address, password: '' }],
  ])('put together from its parts says them again: %s', (_, parts) => {
    expect(postgresAddress(postgresUrl(parts))).toEqual({ ...parts, parameters: {} })
  })

  test('is displayed without user, password and parameters', () => {
    const shown = (url: string) => displayedAddress(postgresAddress(url)!)
    expect(shown('postgres://me:hunter2@[::1]/a?b=c')).toBe('postgres://[::1]:5432/a')
    expect(shown('postgres://me@db.example:1/a')).toBe('postgres://db.example:1/a')
  })
})

test.each([
  ['/run/postgresql', true, true],
  ['localhost', false, true],
  ['127.8.0.1', false, true],
  ['::1', false, true],
  ['localhost.example', false, false],
  ['10.0.0.1', false, false],
])('%s is a socket: %p, and does not leave this machine: %p', (host, socket, here) => {
  expect([isSocket({ host }), isOnThisMachine({ host })]).toEqual([socket, here])
})
