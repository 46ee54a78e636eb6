import { describe, expect, test } from 'bun:test'
import { clientAddress, isNetwork, neighbourhood, networkMatcher } from '../../src/protocol/addresses.ts'

const trusted = networkMatcher(['10.0.0.0/8', 'fd00::/8'])

describe('the address of a client', () => {
  test.each([
    ['is the peer where no proxy is trusted', '203.0.113.9', '10.0.0.1', '203.0.113.9'],
    ['is the peer where a trusted proxy says nothing', '10.0.0.1', null, '10.0.0.1'],
    ['is what a trusted proxy says', '10.0.0.1', '198.51.100.7', '198.51.100.7'],
    ['is the rightmost that no trusted proxy has', '10.0.0.1', '1.1.1.1, 198.51.100.7, 10.0.0.2', '198.51.100.7'],
    ['is the leftmost where all are trusted', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['is the last that could be read', '10.0.0.1', '198.51.100.7, nonsense', '10.0.0.1'],
    ['is told through a proxy mapped into IPv6', '::ffff:10.0.0.1', '2001:db8::1', '2001:db8::1'],
    ['is told through an IPv6 proxy', 'fd00::1', '2001:db8::1', '2001:db8::1'],
  ])('%s', (_, peer, forwardedFor, address) => {
    expect(clientAddress(peer, forwardedFor, trusted)).toBe(address)
  })
})

test('a limit counts an IPv4 address by itself and an IPv6 address by its /64', () => {
  expect(neighbourhood('203.0.113.9')).toBe('203.0.113.9')
  expect(neighbourhood('::ffff:203.0.113.9')).toBe('203.0.113.9')
  expect(neighbourhood('2001:db8:1:2:3:4:5:6')).toBe(neighbourhood('2001:db8:1:2::'))
  expect(neighbourhood('2001:db8:1:2::1')).not.toBe(neighbourhood('2001:db8:1:3::1'))
  expect(neighbourhood('nonsense')).toBe('unknown')
})

test('a network is written with its length', () => {
  for (const text of ['10.0.0.0/8', '0.0.0.0/0', 'fd00::/8', '::1/128']) expect(isNetwork(text)).toBe(true)
  for (const text of ['10.0.0.0', '10.0.0.0/33', 'fd00::', 'x/8', '10.0.0.0/8/8', ''])
    expect(isNetwork(text)).toBe(false)
})
