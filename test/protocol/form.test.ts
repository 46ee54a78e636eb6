import { describe, expect, test } from 'bun:test'
import { array, assert, integer, property, uint8Array } from 'fast-check'
import { boundaryOf, FormReading } from '../../src/protocol/form.ts'
import { Problem } from '../../src/protocol/problem.ts'

const codeOf = (error: unknown) => (error instanceof Problem ? error.code : String(error))

/** What passes of some pieces, and the models they name. */
function read(pieces: readonly Uint8Array[], boundary = 'b') {
  const models: string[] = []
  const reading = new FormReading(boundary, { named: () => undefined, model: text => models.push(text) })
  const passed = pieces.map(piece => Buffer.from(reading.push(piece)))
  reading.end()
  return { models, passed: Buffer.concat(passed) }
}

/** Bytes in pieces that end at these places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...places.map(place => place % (bytes.length + 1)), bytes.length].sort((one, other) => one - other)
  return ends.map((end, at) => bytes.subarray(ends[at - 1] ?? 0, end))
}

const part = (disposition: string, content: string, more = '') =>
  `--b\r\nContent-Disposition: form-data; ${disposition}\r\n${more}\r\n${content}\r\n`

test('a form that a browser or a program makes passes byte for byte, however it is cut, and its models are told', async () => {
  await assert(
    property(uint8Array({ maxLength: 300 }), array(integer({ min: 0, max: 2000 })), (file, places) => {
      const before = Buffer.from(
        part('name="model"', 'Whisper ä') +
          '--b\r\nContent-Disposition: form-data; name="file"; filename="ö x.mp3"\r\nContent-Type: audio/mpeg\r\n\r\n',
      )
      const after = Buffer.from(
        `\r\n${part('name="model[]"', 'two', 'Content-Type: text/plain; charset=utf-8\r\n')}--b--\r\n`,
      )
      const whole = Buffer.concat([before, file, after])
      const { models, passed } = read(cut(whole, places))
      expect(models).toEqual(['Whisper ä', 'two'])
      expect(passed.equals(whole)).toBe(true)
    }),
    { numRuns: 300 },
  )
  const form = new FormData()
  form.append('file', new File([new Uint8Array(9000)], 'ä "x".bin', { type: 'audio/x-wav' }))
  form.append('model', 'last')
  const request = new Request('http://x', { method: 'POST', body: form })
  const boundary = boundaryOf(request.headers.get('content-type'))
  const bytes = await request.bytes()
  expect(read(cut(bytes, [1, 50, 9000]), boundary)).toEqual({ models: ['last'], passed: Buffer.from(bytes) })
})

test('no byte of what a field names goes on before it was told', () => {
  const names: string[] = []
  const reading = new FormReading('b', {
    named: name => names.push(name),
    model: text => {
      throw new Error(text)
    },
  })
  const text = part('name="model"', 'shut')
  let passed = ''
  expect(() => {
    for (const byte of Buffer.from(`${text}--b--`)) passed += Buffer.from(reading.push(Uint8Array.of(byte))).toString()
  }).toThrow('shut')
  expect([passed, names]).toEqual(['--b\r\n', ['model']])
})

test.each(['model', 'MODEL', 'models', 'model[]', 'models[0]', '[model]', 'session[model]', 'a.model'])(
  'a field %s names a model',
  name => {
    expect(read([Buffer.from(`${part(`name="${name}"`, 'shut')}--b--`)]).models).toEqual(['shut'])
  },
)

test('a form of .NET, which quotes no name that needs no quotes, is one too', () => {
  const file = part("name=file; filename=a.mp3; filename*=utf-8''a.mp3", 'x')
  const model = part('name=model', 'shut', 'Content-Type: text/plain; charset=utf-8\r\n')
  expect(read([Buffer.from(`${file}${model}--b--\r\n`)]).models).toEqual(['shut'])
})

describe('what two readers could take for two things is refused:', () => {
  test.each([
    ['text before the first boundary', `x\r\n${part('name="a"', 'x')}--b--`],
    ['a boundary after a line feed alone', `${part('name="a"', `x\n${part('name="model"', 'shut')}`)}--b--`],
    ['a boundary inside a line', `${part('name="a"', 'x--b\r\n')}--b--`],
    ['a boundary with blanks behind it', `${part('name="a"', 'x').replace('--b\r\n', '--b \r\n')}--b--`],
    ['text after the last boundary', `${part('name="a"', 'x')}--b--\r\n--b\r\n`],
    ['an end in the middle', part('name="a"', 'x')],
    ['nothing', ''],
    ['no parts', '--b--\r\n'],
    ['a name in another encoding', `${part("name*=utf-8''model", 'shut')}--b--`],
    ['two names', `${part('name="a"; name="model"', 'shut')}--b--`],
    ['an escaped quote', `${part('name="a"; filename="\\"; name=model; x="', 'shut')}--b--`],
    ['a folded line', `${part('name="a";\r\n name="model"', 'shut')}--b--`],
    [
      'another encoding of the content',
      `${part('name="model"', 'c2h1dA==', 'Content-Transfer-Encoding: base64\r\n')}--b--`,
    ],
    [
      'another charset of a model',
      `${part('name="model"', 'shut', 'Content-Type: text/plain; charset=utf-16\r\n')}--b--`,
    ],
    ['a charset for all fields', `${part('name="_charset_"', 'utf-16')}${part('name="model"', 's\0h\0')}--b--`],
    ['a model that is no UTF-8', Buffer.from(`${part('name="model"', 'shut\xff')}--b--`, 'latin1')],
    ['a head without end', `--b\r\n${'x'.repeat(5000)}`],
    ['a model without end', part('name="model"', 'x'.repeat(5000))],
  ])('%s', (_, text) => {
    const outcomes = [[Buffer.from(text)], [...Buffer.from(text)].map(byte => Uint8Array.of(byte))].map(pieces => {
      try {
        return read(pieces)
      } catch (error) {
        return codeOf(error)
      }
    })
    expect(outcomes).toEqual(['invalid_body', 'invalid_body'])
  })

  test.each([
    null,
    'application/json',
    'multipart/form-data',
    'multipart/form-data; boundary=',
    'multipart/form-data; boundary="a" ; boundary=b',
    'multipart/form-data; boundary=a; boundary=b',
    'multipart/form-data; boundary*=b',
    'multipart/mixed; boundary=b',
  ])('the type %p', type => {
    expect(() => boundaryOf(type)).toThrow(Problem)
  })
})
