import { expect, test } from 'bun:test'
import { keptSigned, signedReceipt } from '../../src/tee/kept-receipt.ts'
import { signingKeys } from '../../src/tee/signing.ts'

const keyOf = (byte: number) =>
  signingKeys({ ed25519: new Uint8Array(32).fill(byte), ecdsa: new Uint8Array(32).fill(1) }).ed25519
const [then, now] = [keyOf(1), keyOf(2)]
const text = JSON.stringify({ key: { public_key: then.publicKey } })

test('a receipt is signed when it is asked for by the key that it names, each time alike', () => {
  const signed = { receipt: text, receipt_signature: then.sign(text) }
  expect([signedReceipt(text, then), signedReceipt(text, then)]).toEqual([signed, signed])
})

test('one that names another key is signed by none', () => {
  expect(() => signedReceipt(text, now)).toThrow(then.publicKey)
  expect(() => keptSigned(text, now)).toThrow(then.publicKey)
})

test('one that is kept with its signature is told as it is, though its key is gone', () => {
  const kept = keptSigned(text, then)
  expect(keptSigned(kept, now)).toBe(kept)
  expect(signedReceipt(kept, now)).toEqual(signedReceipt(text, then))
})
