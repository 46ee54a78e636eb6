import { expect, test } from 'bun:test'
import { codingFor } from '../../src/protocol/codings.ts'

test.each([
  ['gzip, deflate, br, zstd', 'br'],
  ['gzip', 'gzip'],
  ['GZIP', 'gzip'],
  ['br;q=0.5, gzip', 'gzip'],
  ['br;q=0.5,gzip;q=0.5', 'br'],
  ['br ; q=0, gzip;Q=0.1', 'gzip'],
  ['*', 'br'],
  ['br;q=0, *', 'gzip'],
  ['gzip;q=0.001', 'gzip'],
  ['identity, gzip;q=0.5', 'identity'],
  ['identity;q=0.5, gzip', 'gzip'],
  ['identity;q=0, br;q=0', 'identity'],
  ['*;q=0', 'identity'],
  ['identity;q=1, *;q=0', 'identity'],
  ['zstd', 'identity'],
  ['', 'identity'],
  ['br;q=2', 'identity'],
  ['br;q=0.0001, gzip;level=9', 'identity'],
])('for "%s" a body goes as %s', (header, coding) => {
  expect(codingFor(header, ['br', 'gzip', 'identity'])).toBe(coding as ReturnType<typeof codingFor>)
})

test('what is not there is not sent', () => {
  expect(codingFor('br', ['gzip', 'identity'])).toBe('identity')
  expect(codingFor('br, gzip', ['identity'])).toBe('identity')
})

test('who says nothing gets it as it is', () => {
  expect(codingFor(null, ['br', 'gzip', 'identity'])).toBe('identity')
})
