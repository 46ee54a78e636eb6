import { expect, test } from 'bun:test'
import { array, assert, integer, property, uint8Array } from 'fast-check'
import { Held } from '../../src/protocol/held.ts'

test('what is held is the beginning of what came, and it says whether that is all', async () => {
  await assert(
    property(array(uint8Array({ maxLength: 2000 })), integer({ min: 0, max: 8000 }), (parts, most) => {
      const held = new Held(most)
      for (let round = 0; round < 2; round++) {
        for (const part of parts) held.add(part)
        const all = Buffer.concat(parts)
        expect(held.bytes.equals(all.subarray(0, most))).toBe(true)
        expect(held.cut).toBe(all.length > most)
        held.clear()
        expect([held.bytes.length, held.cut]).toEqual([0, false])
      }
    }),
  )
})

test('what came may change afterwards', () => {
  const held = new Held(10)
  const bytes = Buffer.from('before')
  held.add(bytes)
  bytes.fill('x')
  expect(held.bytes.toString()).toBe('before')
})
