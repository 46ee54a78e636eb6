import { describe, expect, test } from 'bun:test'
import type { Body } from '../../src/upstream/body.ts'
import { bodyOf } from '../../src/upstream/whole.ts'
import { held } from '../kit/memory.ts'

async function rest({ rest }: Body): Promise<number> {
  let bytes = 0
  for (let part = await rest?.read(); part?.value; part = await rest?.read()) bytes += part.value.length
  return bytes
}

describe('a body in pieces', () => {
  test('is read to its end, short or long', async () => {
    for (const size of [0, 1, 65_536, 65_537, 200_000]) {
      const { body, length } = bodyOf([new Uint8Array(size), new Uint8Array(3)])
      expect([length, body.head.length + (await rest(body))]).toEqual([size + 3, size + 3])
      expect((await body.rest?.read())?.value).toBeUndefined()
    }
  })

  test('is held no longer than until it was read', async () => {
    const before = held()
    const bodies = []
    for (let count = 0; count < 20; count++) {
      const { body } = bodyOf([new Uint8Array(8_000_000)])
      await rest(body)
      bodies.push(body)
    }
    await Bun.sleep(0)
    expect(held() - before).toBeLessThan(80_000_000)
    expect(bodies.every(({ head }) => head.length === 65_536)).toBe(true)
  })
})
