import { expect, test } from 'bun:test'
import { readChain } from '../../src/verify/certificates.ts'

test('certificates that begin and never end are none, however many there are', () => {
  expect(() => readChain('-----BEGIN CERTIFICATE-----'.repeat(150_000))).toThrow('no certificate')
})
