import { describe, expect, test } from 'bun:test'
import { assert, constantFrom, property, string, uint8Array } from 'fast-check'
import { fromBase64Url } from '../../src/protocol/base64url.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const spell = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')

describe('base64url', () => {
  test('gives back any bytes that were spelled canonically', async () => {
    await assert(
      property(uint8Array({ maxLength: 100 }), bytes => Buffer.compare(fromBase64Url(spell(bytes))!, bytes) === 0),
    )
  })

  test('reads any text it accepts in exactly one spelling', async () => {
    await assert(
      property(string({ unit: constantFrom(...`${ALPHABET}=+/. `), maxLength: 8 }), text => {
        const bytes = fromBase64Url(text)
        return bytes === null || spell(bytes) === text
      }),
    )
  })

  test('has only one last character for the last bits of any bytes', () => {
    for (const bytes of [Uint8Array.of(0xfb), Uint8Array.of(0xfb, 0xff)]) {
      const text = spell(bytes)
      const read = [...ALPHABET].filter(last => fromBase64Url(text.slice(0, -1) + last) !== null)
      expect(read).toHaveLength(bytes.length === 1 ? 4 : 16)
      const same = read.filter(last => Buffer.compare(fromBase64Url(text.slice(0, -1) + last)!, bytes) === 0)
      expect(same).toEqual([text.at(-1)!])
    }
  })

  test('takes no bytes from no text', () => {
    expect(fromBase64Url('')).toHaveLength(0)
  })

  test.each([
    ['padding', 'QQ=='],
    ['padding of one', 'QUI='],
    ['unused bits in a tail of two', 'QR'],
    ['unused bits in a tail of three', 'QUJ'],
    ['a length of four and one', 'QUJDR'],
    ['a lone character', 'Q'],
    ['the other alphabet, +', 'a+bc'],
    ['the other alphabet, /', 'a/bc'],
    ['a blank before', ' QUJD'],
    ['a blank after', 'QUJD '],
    ['a blank inside', 'QU JD'],
    ['a line break after', 'QUJD\n'],
    ['a line break inside', 'QU\nJD'],
    ['a tab', 'QU\tJD'],
    ['a NUL', 'QUJD\0'],
    ['a letter beyond ASCII', 'QUJÐ'],
    ['a fullwidth letter', 'ＱUJD'],
    ['a dot', 'QU.JD'],
  ])('refuses %s', (_, text) => {
    expect(fromBase64Url(text)).toBeNull()
  })
})
