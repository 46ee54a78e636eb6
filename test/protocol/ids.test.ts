import { describe, expect, test } from 'bun:test'
import { assert, property, string, uuid } from 'fast-check'
import { requestIdFrom } from '../../src/protocol/ids.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

describe('a request id', () => {
  test('is the one that came in, if that is a UUID of any version and case', async () => {
    await assert(
      property(uuid(), id => requestIdFrom(id) === id && requestIdFrom(id.toUpperCase()) === id.toUpperCase()),
    )
    expect(String(requestIdFrom('00000000-0000-0000-0000-000000000000'))).toBe('00000000-0000-0000-0000-000000000000')
  })

  test('is a new UUID each time when none came in', () => {
    const [one, two] = [requestIdFrom(null), requestIdFrom(null)]
    expect(one).toMatch(UUID)
    expect(two).toMatch(UUID)
    expect(one).not.toBe(two)
  })

  const id = '0190b0a0-1234-7abc-8def-0123456789ab'
  test.each([
    '',
    ' ',
    `${id} `,
    ` ${id}`,
    `${id}\n`,
    `${id}\n${id}`,
    `{${id}}`,
    `urn:uuid:${id}`,
    id.replaceAll('-', ''),
    `${id}, ${id}`,
    `${id.slice(0, -1)}g`,
    `${id}0`,
    id.slice(1),
    `${id.slice(0, -1)}٣`,
  ])('is a new one when %j came in', inbound => {
    expect(String(requestIdFrom(inbound))).not.toBe(inbound)
    expect(requestIdFrom(inbound)).toMatch(UUID)
  })

  test('is a UUID whatever comes in', async () => {
    await assert(property(string({ unit: 'binary' }), inbound => UUID.test(requestIdFrom(inbound).toLowerCase())))
  })
})
