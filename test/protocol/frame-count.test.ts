import { expect, test } from 'bun:test'
import { array, assert, nat, property, uint8Array } from 'fast-check'
import { encodeFrame, FrameReader } from '../../src/protocol/ehbp.ts'
import { FrameCount } from '../../src/protocol/frame-count.ts'
import { split } from '../kit/split.ts'

const frames = array(uint8Array({ maxLength: 300 }), { maxLength: 30 })

test('as many frames are counted as a reader reads, wherever the bytes are split and cut', async () => {
  await assert(
    property(frames, array(nat()), nat(), (payloads, cuts, end) => {
      const all = Buffer.concat(payloads.map(encodeFrame))
      const bytes = all.subarray(0, all.length - (end % (all.length + 1)))
      const count = new FrameCount()
      for (const part of split(bytes, cuts)) count.feed(part)
      expect(count.count).toBe(new FrameReader().feed(bytes).length)
    }),
  )
})

test('a frame is counted with its last byte', () => {
  const count = new FrameCount()
  const frame = encodeFrame(Buffer.from('twenty bytes, and on'))
  count.feed(frame.subarray(0, -1))
  expect(count.count).toBe(0)
  count.feed(frame.subarray(-1))
  expect(count.count).toBe(1)
})

test('what is not frames harms nothing', async () => {
  await assert(
    property(array(uint8Array()), parts => {
      const count = new FrameCount()
      for (const part of parts) count.feed(part)
      expect(count.count).toBeGreaterThanOrEqual(0)
    }),
  )
})
