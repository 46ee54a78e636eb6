import { describe, expect, test } from 'bun:test'
import { array, assert, nat, property, uint8Array } from 'fast-check'
import {
  deriveResponseKeys,
  encodeFrame,
  FrameReader,
  frameNonce,
  isEncapsulatedKey,
  MAX_FRAME_LENGTH,
  MalformedEhbp,
  marshalKeyConfiguration,
  parseKeyConfiguration,
} from '../../src/protocol/ehbp.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const from = (start: number) => Uint8Array.from({ length: 32 }, (_, at) => start + at)

describe('a key configuration', () => {
  const bytes = marshalKeyConfiguration(from(0))

  test('is 41 bytes: key id, KEM, key, one suite', () => {
    expect(hex(bytes)).toBe(`000020${hex(from(0))}000400010002`)
  })

  test('gives its key back', () => {
    expect(parseKeyConfiguration(bytes)).toEqual(from(0))
    expect(parseKeyConfiguration(Buffer.from(bytes))).toEqual(from(0))
  })

  test('is refused when any byte around the key differs', () => {
    for (const at of [0, 1, 2, 35, 36, 37, 38, 39, 40]) {
      const other = Uint8Array.from(bytes)
      other[at]! ^= 1
      expect(() => parseKeyConfiguration(other)).toThrow(MalformedEhbp)
    }
  })

  test('is refused at any other length', () => {
    for (let length = 0; length < 41; length++) {
      expect(() => parseKeyConfiguration(bytes.subarray(0, length))).toThrow(MalformedEhbp)
    }
    expect(() => parseKeyConfiguration(Buffer.concat([bytes, bytes]))).toThrow(MalformedEhbp)
    expect(() => marshalKeyConfiguration(new Uint8Array(33))).toThrow(MalformedEhbp)
  })
})

describe('an encapsulated key', () => {
  const key = hex(from(160))

  test('is 64 hex digits of either case', () => {
    expect(isEncapsulatedKey(key)).toBe(true)
    expect(isEncapsulatedKey(key.toUpperCase())).toBe(true)
  })

  test.each(['', '0', key.slice(1), `${key}0`, `0x${key.slice(2)}`, `${key}, ${key}`, `${key}\n`, `${key.slice(1)}g`])(
    'is not %j',
    header => {
      expect(isEncapsulatedKey(header)).toBe(false)
    },
  )
})

describe('a frame', () => {
  test('is four big-endian bytes of length, then the payload', () => {
    expect(hex(encodeFrame(new Uint8Array(258)).subarray(0, 4))).toBe('00000102')
    expect(hex(encodeFrame(from(0)))).toBe(`00000020${hex(from(0))}`)
  })

  test('holds 64 MiB and a tag, and not a byte more', () => {
    expect(encodeFrame(new Uint8Array(MAX_FRAME_LENGTH))).toHaveLength(4 + 64 * 1024 * 1024 + 16)
    expect(() => encodeFrame(new Uint8Array(MAX_FRAME_LENGTH + 1))).toThrow(MalformedEhbp)
  })
})

describe('a frame reader', () => {
  const payloads = [from(0).subarray(0, 1), from(10).subarray(0, 5), from(20).subarray(0, 3)]
  const [one, two, three] = payloads.map(encodeFrame)
  const empty = new Uint8Array(4)
  const body = Buffer.concat([empty, one!, empty, empty, two!, three!, empty])

  function read(pieces: Uint8Array[]): Uint8Array[] {
    const reader = new FrameReader()
    const payloads = pieces.flatMap(piece => reader.feed(piece))
    reader.end()
    return payloads
  }

  test('reads the same frames wherever two cuts fall, and skips empty ones', () => {
    for (let first = 0; first <= body.length; first++) {
      for (let second = first; second <= body.length; second++) {
        const pieces = [body.subarray(0, first), body.subarray(first, second), body.subarray(second)]
        expect(read(pieces)).toEqual(payloads)
      }
    }
  })

  test('reads any frames from pieces of any size', async () => {
    const sizes = array(nat(40), { minLength: 1 }).filter(sizes => sizes.some(size => size > 0))
    const frames = array(uint8Array({ maxLength: 100 }))
    await assert(
      property(frames, sizes, (frames, sizes) => {
        const bytes = Buffer.concat(frames.map(encodeFrame))
        const pieces: Uint8Array[] = []
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length]!
          pieces.push(bytes.subarray(at, at + size))
          at += size
        }
        expect(read(pieces)).toEqual(frames.filter(frame => frame.length > 0))
      }),
    )
  })

  test('gives a frame with the piece that completes it', () => {
    const reader = new FrameReader()
    expect(reader.feed(two!.subarray(0, 8))).toEqual([])
    expect(reader.feed(two!.subarray(8))).toEqual([payloads[1]!])
  })

  test('keeps no hold on the bytes it was fed', () => {
    const piece = Uint8Array.from(two!)
    const [payload] = new FrameReader().feed(piece)
    piece.fill(0)
    expect(payload).toEqual(payloads[1]!)
  })

  test('takes no end inside a frame', () => {
    for (let length = 1; length < two!.length; length++) {
      expect(() => read([two!.subarray(0, length)])).toThrow('body ends inside a frame')
    }
    expect(read([])).toEqual([])
  })

  test('refuses a frame too long by its header alone', () => {
    const header = new Uint8Array(4)
    new DataView(header.buffer).setUint32(0, MAX_FRAME_LENGTH)
    expect(new FrameReader().feed(header)).toEqual([])
    new DataView(header.buffer).setUint32(0, MAX_FRAME_LENGTH + 1)
    expect(() => new FrameReader().feed(header)).toThrow(MalformedEhbp)
  })
})

describe('response keys', () => {
  const keys = deriveResponseKeys(from(0x00), from(0x20), from(0x40))

  test("are the specification's for its check values", () => {
    expect(hex(keys.key)).toBe('40ec528847cd4e928449f2ed1a70a7d1e8ee317d5e900424fc1dd5b0475b97f7')
    expect(hex(keys.nonceBase)).toBe('f8b0ce9466f27aa6243c65f9')
  })

  test('need 32 bytes of each part', () => {
    for (const at of [0, 1, 2]) {
      const parts = [from(0), from(32), from(64)] as [Uint8Array, Uint8Array, Uint8Array]
      parts[at] = new Uint8Array(31)
      expect(() => deriveResponseKeys(...parts)).toThrow(MalformedEhbp)
    }
  })

  test('give each frame the base with its index in the last bytes', () => {
    expect(hex(frameNonce(keys, 0))).toBe('f8b0ce9466f27aa6243c65f9')
    expect(hex(frameNonce(keys, 1))).toBe('f8b0ce9466f27aa6243c65f8')
    expect(hex(frameNonce(keys, 0x01020304))).toBe('f8b0ce9466f27aa6253e66fd')
    expect(hex(frameNonce(keys, 2 ** 32 - 1))).toBe('f8b0ce9466f27aa6dbc39a06')
    expect(hex(keys.nonceBase)).toBe('f8b0ce9466f27aa6243c65f9')
  })

  test('take a Buffer as base without writing to it', () => {
    const nonceBase = Buffer.from('f8b0ce9466f27aa6243c65f9', 'hex')
    expect(hex(frameNonce({ ...keys, nonceBase }, 1))).toBe('f8b0ce9466f27aa6243c65f8')
    expect(hex(nonceBase)).toBe('f8b0ce9466f27aa6243c65f9')
  })

  test.each([-1, 0.5, Number.NaN, 2 ** 32])('have no nonce for frame %p', index => {
    expect(() => frameNonce(keys, index)).toThrow(RangeError)
  })
})
