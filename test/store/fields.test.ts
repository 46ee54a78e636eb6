import { describe, expect, test } from 'bun:test'
import { createCipheriv, createHmac } from 'node:crypto'
import fc from 'fast-check'
import { FieldFault, fields, lookupHash, type Place, tagOf } from '../../src/store/fields.ts'

const key = Uint8Array.from({ length: 32 }, (_, at) => at)
const place: Place = { table: 'users', column: 'email', row: '0d4f' }
const { seal, open, prefix } = fields(key)

describe('a sealed value', () => {
  test('opens where it was sealed, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        expect(open(place, seal(place, text))).toBe(text)
      }),
    )
    for (const text of ['', '\u0000', '\ufeffmark', 'x'.repeat(65_536)])
      expect(open(place, seal(place, text))).toBe(text)
  })

  test('is AES-256-GCM of nonce, ciphertext and tag, its place told to it as JSON', () => {
    const nonce = Buffer.from('000102030405060708090a0b', 'hex')
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from('["f1","users","email","0d4f"]'))
    const bytes = Buffer.concat([nonce, cipher.update('ada@example.com'), cipher.final(), cipher.getAuthTag()])
    const tag = createHmac('sha256', key).update('sealgate field key').digest('hex').slice(0, 8)
    expect(open(place, `f1.${tag}.${bytes.toString('base64url')}`)).toBe('ada@example.com')
    // Written down: whatever changes it makes every database unreadable.
    expect(`f1.${tag}.${bytes.toString('base64url')}`).toBe(
      'f1.e552c487.AAECAwQFBgcICQoLJma3W6Cdo3b9LfKl0oYV4y8t6fUYUFiP9hlvL-CfTw',
    )
    expect(prefix).toBe(`f1.${tag}.`)
    expect(tagOf(key)).toBe(tag)
  })

  test('shows nothing of its text', () => {
    expect(seal(place, 'ada@example.com')).toMatch(/^f1\.[0-9a-f]{8}\.[\w-]{58}$/)
  })

  test.each([
    ['another row', { row: '0d50' }],
    ['another column', { column: 'name' }],
    ['another table', { table: 'api_keys' }],
    ['names that run on the same', { table: 'users.email', column: '' }],
    ['a name that holds a quote', { table: 'users","email', column: '0d4f', row: '' }],
  ])('moved to %s does not open', (_, other) => {
    const sealed = seal(place, 'ada@example.com')
    expect(() => open({ ...place, ...other }, sealed)).toThrow(FieldFault)
  })

  test('does not open with any bit of it flipped, nor spelt in another way', () => {
    const sealed = seal(place, 'ada')
    for (let at = 0; at < sealed.length; at++)
      for (let bit = 0; bit < 8; bit++) {
        const code = String.fromCharCode(sealed.charCodeAt(at) ^ (1 << bit))
        expect(() => open(place, sealed.slice(0, at) + code + sealed.slice(at + 1))).toThrow(FieldFault)
      }
    for (const other of ['', sealed.slice(0, -1), `${sealed}=`, `${sealed}A`, ` ${sealed}`, prefix, `${prefix}AAAA`])
      expect(() => open(place, other)).toThrow(FieldFault)
  })

  test('does not open under another key, even where the tag is forged', () => {
    const other = fields(new Uint8Array(32))
    const sealed = seal(place, 'ada')
    expect(() => other.open(place, sealed)).toThrow(FieldFault)
    expect(() => other.open(place, other.prefix + sealed.slice(prefix.length))).toThrow(FieldFault)
  })

  test('that does not open is a fault that names its column, and neither its row nor its bytes', () => {
    const sealed = seal(place, 'ada')
    const message = (() => {
      try {
        return open({ ...place, row: 'other-row' }, sealed)
      } catch (error) {
        return error instanceof FieldFault ? error.message : ''
      }
    })()
    expect(message).toContain('users.email')
    expect(message).not.toContain('other-row')
    expect(message).not.toContain(sealed.slice(prefix.length))
  })

  test('never has the nonce of another', () => {
    const nonces = Array.from({ length: 10_000 }, () => seal(place, 'ada').slice(prefix.length, prefix.length + 16))
    expect(new Set(nonces).size).toBe(10_000)
  })
})

describe('a lookup hash', () => {
  test('is HMAC-SHA256 of what is hashed and its text', () => {
    const byHand = createHmac('sha256', key).update('["email","ada@example.com"]').digest('hex')
    expect(lookupHash(key, 'email', 'ada@example.com')).toBe(byHand)
  })

  test('differs by key, by what is hashed and by text', () => {
    const hashes = [
      lookupHash(key, 'email', 'ada'),
      lookupHash(new Uint8Array(32), 'email', 'ada'),
      lookupHash(key, 'subject', 'ada'),
      lookupHash(key, 'email', 'eda'),
    ]
    expect(new Set(hashes).size).toBe(4)
  })
})
