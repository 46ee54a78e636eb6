import { describe, expect, test } from 'bun:test'
import { assert, date, integer, property } from 'fast-check'
import { momentOf } from '../../src/protocol/moments.ts'

const shown = (text: string) => {
  const at = momentOf(text)
  return at === undefined ? undefined : new Date(at).toISOString()
}

describe('a moment', () => {
  test.each([
    ['2026-11-22', '2026-11-22T00:00:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
    ['0050-01-01', '0050-01-01T00:00:00.000Z'],
    ['2026-11-22T01:02:03Z', '2026-11-22T01:02:03.000Z'],
    ['2026-11-22t01:02:03z', '2026-11-22T01:02:03.000Z'],
    ['2026-11-22T01:02:03.5Z', '2026-11-22T01:02:03.500Z'],
    ['2026-11-22T01:02:03.1231Z', '2026-11-22T01:02:03.124Z'],
    ['2026-11-22T01:02:03.123000Z', '2026-11-22T01:02:03.123Z'],
    ['2026-11-22T23:59:59.9999Z', '2026-11-23T00:00:00.000Z'],
    ['2026-11-22T00:30:00+01:00', '2026-11-21T23:30:00.000Z'],
    ['2026-11-22T00:30:00-23:59', '2026-11-23T00:29:00.000Z'],
    ['2026-11-22T00:30:00-00:00', '2026-11-22T00:30:00.000Z'],
  ])('%s is %s', (text, expected) => {
    expect(shown(text)).toBe(expected)
  })

  test.each([
    '',
    'now',
    '2026',
    '2026-11',
    '2026-1-2',
    '20261122',
    '2026-02-29',
    '2026-02-30',
    '2026-13-01',
    '2026-00-01',
    '2026-01-00',
    '02026-01-01',
    '+002026-01-01',
    ' 2026-01-01',
    '2026-01-01\n',
    '٢٠٢٦-01-01',
    '2026-01-01T00:00Z',
    '2026-01-01T00:00:00',
    '2026-01-01 00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2016-12-31T23:59:60Z',
    '2026-01-01T00:00:00.Z',
    '2026-01-01T00:00:00,5Z',
    '2026-01-01T00:00:00+24:00',
    '2026-01-01T00:00:00+00:60',
    '2026-01-01T00:00:00+0000',
    '2026-01-01T00:00:00+00',
    '2026-01-01T00:00:00 01:00',
    '1767225600',
  ])('%j is none', text => {
    expect(momentOf(text)).toBeUndefined()
  })

  test('is read back as it was written, in whichever zone', async () => {
    const when = date({
      min: new Date('0001-01-02T00:00:00Z'),
      max: new Date('9999-12-30T00:00:00Z'),
      noInvalidDate: true,
    })
    await assert(
      property(when, integer({ min: -1439, max: 1439 }), (at, minutes) => {
        const [ahead, sign] = [Math.abs(minutes), minutes < 0 ? '-' : '+']
        const offset = [Math.floor(ahead / 60), ahead % 60].map(part => String(part).padStart(2, '0')).join(':')
        const local = new Date(at.getTime() + minutes * 60_000).toISOString().replace('Z', `${sign}${offset}`)
        return momentOf(local) === at.getTime()
      }),
    )
  })
})
