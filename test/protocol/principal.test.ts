import { describe, expect, test } from 'bun:test'
import { assert, constant, oneof, property, string } from 'fast-check'
import { ownerOf } from '../../src/protocol/principal.ts'

const key = new Uint8Array(32).fill(7)

/** HMAC-SHA256 as RFC 2104 writes it, with nothing but a hash. */
function hmac(secret: Uint8Array, message: string): string {
  const block = Buffer.alloc(64)
  block.set(secret)
  const pad = (byte: number) => block.map(b => b ^ byte)
  const inner = new Bun.CryptoHasher('sha256').update(pad(0x36)).update(message).digest()
  return new Bun.CryptoHasher('sha256').update(pad(0x5c)).update(inner).digest('hex')
}

describe('an owner', () => {
  test('is j_ and the first 32 hex digits of the HMAC over the JSON of issuer and subject', () => {
    const wanted = hmac(key, '["https://issuer.example","ada"]').slice(0, 32)
    expect(ownerOf(key, 'https://issuer.example', 'ada')).toBe(`j_${wanted}`)
    expect(wanted).toMatch(/^[0-9a-f]{32}$/)
  })

  test('of a token without an issuer is made with null, which no named issuer can be', () => {
    expect(ownerOf(key, null, 'ada')).toBe(`j_${hmac(key, '[null,"ada"]').slice(0, 32)}`)
    expect(ownerOf(key, null, 'ada')).not.toBe(ownerOf(key, 'null', 'ada'))
    expect(ownerOf(key, null, 'ada')).not.toBe(ownerOf(key, '', 'ada'))
  })

  test.each([
    [
      ['ab', 'c'],
      ['a', 'bc'],
    ],
    [
      ['a","b', 'c'],
      ['a', 'b","c'],
    ],
    [
      ['a\\', 'b'],
      ['a', '\\b'],
    ],
    [
      ['', 'ab'],
      ['ab', ''],
    ],
    [
      ['a', 'é'],
      ['a', 'e\u0301'],
    ],
    [
      ['a', '\ud800'],
      ['a', '\udbff'],
    ],
    [
      ['a', '\ud800'],
      ['a', '\ufffd'],
    ],
    [
      ['a', '\ud800'],
      ['a', '\\ud800'],
    ],
  ] as const)('of %j is not the owner of %j', ([issuer, subject], [otherIssuer, otherSubject]) => {
    expect(ownerOf(key, issuer, subject)).not.toBe(ownerOf(key, otherIssuer, otherSubject))
  })

  test('is the same for the same caller only', async () => {
    const issuer = oneof(constant(null), string({ maxLength: 1 }))
    const subject = string({ maxLength: 1 })
    await assert(
      property(issuer, subject, issuer, subject, (a, b, c, d) => {
        const same = a === c && b === d
        return (ownerOf(key, a, b) === ownerOf(Uint8Array.from(key), c, d)) === same
      }),
    )
  })

  test('under another key is another one', () => {
    expect(ownerOf(new Uint8Array(32).fill(8), 'iss', 'ada')).not.toBe(ownerOf(key, 'iss', 'ada'))
  })
})
