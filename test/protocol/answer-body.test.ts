import { expect, test } from 'bun:test'
import { array, assert, constantFrom, nat, oneof, property, record, string, uint8Array } from 'fast-check'
import { BodyReader } from '../../src/protocol/answer-body.ts'
import { split } from '../kit/split.ts'

type Framing = ConstructorParameters<typeof BodyReader>[0]

/** What a reader makes of these pieces: its content, or that it is malformed. */
function read(framing: Framing, pieces: readonly Buffer[]) {
  const reader = new BodyReader(framing)
  const content: Buffer[] = []
  let rest = 0
  for (const piece of pieces) {
    const part = reader.read(Buffer.from(piece), 0)
    if (!part) return 'malformed'
    content.push(part)
    rest += reader.rest
  }
  return {
    content: Buffer.concat(content).toString('latin1'),
    isOver: reader.isOver,
    trailers: { ...reader.trailers },
    rest,
  }
}
const whole = (framing: Framing, text: string) => read(framing, [Buffer.from(text, 'latin1')])

const sent = record({
  chunks: array(uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 }),
  extension: constantFrom('', ';a', ';a=b', ';a="c d"'),
  trailers: constantFrom('', 'X-Usage: 1\r\n', 'X-A: 1\r\nX-B: 2\r\n'),
  after: string({ maxLength: 5 }),
  cuts: array(nat(), { maxLength: 30 }),
})

test('chunks are the same however they are cut, with extensions, trailers and what follows', () => {
  void assert(
    property(sent, ({ chunks, extension, trailers, after, cuts }) => {
      const wired = chunks.map(
        part => `${part.length.toString(16)}${extension}\r\n${Buffer.from(part).toString('latin1')}\r\n`,
      )
      const bytes = Buffer.from(`${wired.join('')}0${extension}\r\n${trailers}\r\n${Buffer.from(after)}`, 'latin1')
      const told = read('chunked', split(bytes, cuts))
      expect(told).toEqual({
        content: Buffer.concat(chunks).toString('latin1'),
        isOver: true,
        trailers: Object.fromEntries(
          trailers.matchAll(/(\S+): (\d)/g).map(([, name = '', value]) => [name.toLowerCase(), value]),
        ),
        rest: Buffer.byteLength(after),
      })
    }),
  )
})

test('a length ends by itself, and all that comes is content where nothing tells the end', () => {
  expect(whole(3, 'abcde')).toEqual({ content: 'abc', isOver: true, trailers: {}, rest: 2 })
  expect(whole(3, 'ab')).toEqual({ content: 'ab', isOver: false, trailers: {}, rest: 0 })
  expect(whole(0, 'ab')).toEqual({ content: '', isOver: true, trailers: {}, rest: 2 })
  expect(whole('close', 'abcde')).toEqual({ content: 'abcde', isOver: false, trailers: {}, rest: 0 })
})

test('trailers of 16 KiB are read however they come, and longer ones are none', () => {
  const last = (size: number) => `0\r\n${'X:'.padEnd(size, 'y')}\r\n\r\n`
  for (let back = 0; back < 8; back++) {
    const bytes = Buffer.from(last(16_384))
    const told = read('chunked', split(bytes, [bytes.length - back]))
    expect(told).toMatchObject({ isOver: true, trailers: { x: 'y'.repeat(16_382) }, rest: 0 })
    expect(read('chunked', split(Buffer.from(last(16_385)), [bytes.length - back]))).toBe('malformed')
  }
})

const BROKEN = [
  ...[
    '-2\r\nok',
    '+2\r\nok',
    '0x2\r\nok',
    ' 2\r\nok',
    '2 \r\nok',
    '\r\nok',
    'g\r\n',
    '2\nok',
    '2\rok',
    '2\r\nokk',
    '2\r\nok\n',
    '2\r\nok\rx',
  ],
  ...[
    '0000000000002\r\n',
    '10000000000000002\r\n',
    '2;\r\nok',
    '2;a\n',
    '2;a\rb',
    '2;\0',
    '2;\xff',
    `2;${'a'.repeat(4097)}`,
  ],
  ...['0\r\nA\r\n\r\n', '0\r\nA : b\r\n\r\n', '0\r\n b\r\n\r\n', '0\r\nContent-Length: 9\r\n\r\n', '0\r\n\rx', '0\n\n'],
  ...['0\r\nTransfer-Encoding: chunked\r\n\r\n', `0\r\nX: ${'x'.repeat(16_400)}`, `0\r\n${'X: y\r\n'.repeat(257)}\r\n`],
]
test.each(BROKEN)('chunks are broken by %p, in one piece or byte by byte', text => {
  expect(whole('chunked', text)).toBe('malformed')
  expect(
    read(
      'chunked',
      [...text].map(char => Buffer.from(char, 'latin1')),
    ),
  ).toBe('malformed')
})

test('whatever comes is read the same however it is cut, and nothing is thrown', () => {
  const part = oneof(
    constantFrom('2\r\nok\r\n', '0\r\n', '\r\n', '\r', '\n', ';a', '1', 'f', 'X: y\r\n', 'Content-Length: 1\r\n', '\0'),
    string(),
  )
  void assert(
    property(array(part, { maxLength: 10 }), array(nat(), { maxLength: 12 }), (parts, cuts) => {
      const bytes = Buffer.from(parts.join(''), 'latin1')
      expect(read('chunked', split(bytes, cuts))).toEqual(read('chunked', [bytes]))
    }),
    { numRuns: 1000 },
  )
})
