import { expect, test } from 'bun:test'
import { cacheSecretOf } from '../../src/protocol/cache-secret.ts'

test('a secret is an HMAC-SHA256 of the owner, in hex', () => {
  const key = new Uint8Array(32).fill(7)
  const wanted = new Bun.CryptoHasher('sha256', key).update('j_0').digest('hex')
  expect(cacheSecretOf(key, 'j_0')).toBe(wanted)
  expect(cacheSecretOf(key, 'j_1')).not.toBe(wanted)
})
