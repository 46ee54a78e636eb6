import { describe, expect, test } from 'bun:test'
import { numberOf, oidOf, readDer, sequence, timeOf } from '../../src/verify/der.ts'

const der = (hex: string) => readDer(Buffer.from(hex, 'hex'))
const time = (tag: number, text: string) => readDer(Buffer.concat([Buffer.of(tag, text.length), Buffer.from(text)]))
const [UTC, GENERALIZED] = [0x17, 0x18]

describe('DER', () => {
  test('of every length is read', () => {
    for (const length of [0, 127, 128, 255, 256, 65_536]) {
      const head =
        length < 128
          ? [length]
          : length < 256
            ? [0x81, length]
            : [0x83, length >> 16, (length >> 8) & 255, length & 255]
      if (length === 256) head.splice(0, 2, 0x82)
      const { content } = readDer(Buffer.concat([Buffer.of(0x04, ...head), Buffer.alloc(length)]))
      expect(content).toHaveLength(length)
    }
  })

  test.each([
    ['nothing', '', 'cut short'],
    ['no length', '30', 'cut short'],
    ['a length beyond its end', '3001', 'cut short'],
    ['half a length', '3082ff', 'cut short'],
    ['no end', '30800000', 'cut short'],
    ['a length of five bytes', '30850000000001', 'cut short'],
    ['a tag of several bytes', '3f8101', 'cut short'],
    ['a long form where short would do', '30810100', 'written too long'],
    ['a zero in front of its length', '3082000100', 'written too long'],
    ['something after its end', '300000', 'something after its end'],
  ])('with %s is refused', (_, hex, why) => {
    expect(() => der(hex)).toThrow(why)
  })

  test('is of the kind that belongs, or refused', () => {
    expect(() => sequence(der('3100'))).toThrow('no sequence')
    expect(() => oidOf(der('0500'))).toThrow('no object identifier')
    expect(() => timeOf(der('0500'))).toThrow('no time')
    expect(() => numberOf(der('0500'))).toThrow('no small number')
  })
})

test('object identifiers are read in dots', () => {
  expect(oidOf(der('060a2a864886f84d010d0104'))).toBe('1.2.840.113741.1.13.1.4')
  expect(oidOf(der('0603551d13'))).toBe('2.5.29.19')
  expect(oidOf(der('0602817f'))).toBe('2.175')
})

describe('numbers', () => {
  test('that are small are read', () => {
    expect([numberOf(der('020100')), numberOf(der('020200ff')), numberOf(der('02047fffffff'))]).toEqual([
      0,
      255,
      2 ** 31 - 1,
    ])
  })

  test.each(['0200', '0101ff', '0201ff', '020501ffffffff'])('below zero, too large, or none are refused: %s', hex => {
    expect(() => numberOf(der(hex))).toThrow('no small number')
  })
})

describe('times', () => {
  test('of both kinds are read, of the century that belongs', () => {
    expect(timeOf(time(UTC, '491231235959Z'))).toBe(Date.parse('2049-12-31T23:59:59Z'))
    expect(timeOf(time(UTC, '500101000000Z'))).toBe(Date.parse('1950-01-01T00:00:00Z'))
    expect(timeOf(time(GENERALIZED, '20500101000000Z'))).toBe(Date.parse('2050-01-01T00:00:00Z'))
  })

  test.each([
    [UTC, '2601010000Z'],
    [GENERALIZED, '20260101000000+0100'],
    [GENERALIZED, '20261301000000Z'],
    [GENERALIZED, '2026-01-01'],
  ])('that are not understood are refused: %d %s', (tag, text) => {
    expect(() => timeOf(time(tag, text))).toThrow('DER: a time that')
  })
})
