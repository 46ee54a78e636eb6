import { expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { deriveKeys } from '../../src/store/keys.ts'

const root = Uint8Array.from({ length: 32 }, (_, at) => at)
const none = { identity: undefined }
const hmac = (key: Uint8Array, ...parts: (string | Uint8Array)[]) =>
  parts.reduce((mac, part) => mac.update(part), createHmac('sha256', key)).digest()

test('a derived key is HKDF-SHA256 of the root secret, without salt, for its role', () => {
  const extracted = hmac(new Uint8Array(32), root)
  const expanded = hmac(extracted, 'sealgate identity v1', Uint8Array.of(1))
  expect(Buffer.from(deriveKeys({ root, overrides: none }).identity)).toEqual(expanded)
})

test('each role has a key of its own', () => {
  const { identity, cache } = deriveKeys({ root, overrides: none })
  expect(Buffer.from(cache)).toEqual(hmac(hmac(new Uint8Array(32), root), 'sealgate cache v1', Uint8Array.of(1)))
  expect(cache).not.toEqual(identity)
})

test('a key given by hand stands in place of the derived one', () => {
  const identity = new Uint8Array(32).fill(9)
  expect(deriveKeys({ root, overrides: { identity } }).identity).toEqual(identity)
})

test('another root secret gives another key', () => {
  const other = deriveKeys({ root: new Uint8Array(32), overrides: none })
  expect(other.identity).not.toEqual(deriveKeys({ root, overrides: none }).identity)
})
