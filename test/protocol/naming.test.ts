import { describe, expect, test } from 'bun:test'
import { array, assert, constantFrom, dictionary, jsonValue, nat, oneof, property, string } from 'fast-check'
import { EventNaming, JsonNaming, type Naming } from '../../src/protocol/naming.ts'
import { split } from '../kit/split.ts'

const SOME = 200

/** The id that is found in these pieces, and how many of their bytes were free before it was. */
function fed(naming: Naming, pieces: readonly Uint8Array[]) {
  let [before, free] = [0, 0]
  for (const piece of pieces) {
    const ended = naming.feed(piece)
    if (ended > 0) free = before + ended
    if (naming.id !== undefined) break
    before += piece.length
  }
  return { id: naming.id, free }
}

const inJson = (...pieces: string[]) =>
  fed(
    new JsonNaming(),
    pieces.map(piece => Buffer.from(piece)),
  ).id
const inEvents = (...pieces: string[]) =>
  fed(
    new EventNaming(),
    pieces.map(piece => Buffer.from(piece)),
  ).id

const name = constantFrom('id', 'response', 'x', 'i"d', '\\', '\u00e9', '__proto__')
const value = oneof({ depthSize: 'small' }, string(), jsonValue(), dictionary(name, oneof(string(), jsonValue())))

describe('what JSON tells of', () => {
  test('is named by its own id, as JSON.parse reads it, wherever the bytes are split', async () => {
    await assert(
      property(oneof(dictionary(name, value), jsonValue()), nat(2), array(nat()), (json, indent, cuts) => {
        const text = Buffer.from(JSON.stringify(json, null, indent))
        const root = JSON.parse(text.toString())
        const id = root !== null && Object.hasOwn(Object(root), 'id') && !Array.isArray(root) ? root.id : undefined
        expect(fed(new JsonNaming(), split(text, cuts))).toEqual({
          id: typeof id === 'string' ? id : undefined,
          free: 0,
        })
      }),
      { numRuns: SOME },
    )
  })

  test('is known before the rest has come', () => {
    expect(inJson('{"object":"response" , "id" : "resp_1"')).toBe('resp_1')
  })

  test('is named by the same id however it is spelled', () => {
    expect(inJson('{"\\u0069d":"\\u0072esp_\\', 'u0031"')).toBe('resp_1')
    expect(inJson(`{"id":"${'\\u0078'.repeat(255)}"`)).toBe('x'.repeat(255))
  })

  test('is named by nothing that an id could be where its name is too long to read', () => {
    expect(inJson(`{"id":"${'x'.repeat(1531)}"}`)).toBe('')
  })

  test.each([
    '{"response":{"id":"resp_1"}}',
    '[{"id":"resp_1"}]',
    '{"output":[{"id":"msg_1"}]}',
    '{"id":null,"x":"y"}',
    '{"id":["resp_1"]}',
    '{"x":"id","y":"resp_1"}',
    '{"x":"\\"id\\":\\"resp_1\\""}',
    '"id"',
    '"id":"resp_1"',
    '{"id":"resp_1',
    '}{"id":',
    '',
  ])('is not named by %s', text => {
    expect(inJson(text)).toBeUndefined()
  })
})

describe('the response that events tell of', () => {
  const CREATED = 'event: response.created\ndata: {"type":"response.created","response":{"id":"resp_1"}}\n\n'
  const OTHERS = [': ping\n\n', 'data: {"id":"x"}\n\n', 'event: error\ndata: {"code":null}\n\n', 'data\n\n', '\n']

  test('is found, and what came before is free, wherever the bytes are split and however lines end', async () => {
    const mark = constantFrom('', '\ufeff')
    const end = constantFrom('\n', '\r\n', '\r')
    await assert(
      property(array(constantFrom(...OTHERS)), mark, end, array(nat()), (others, mark, end, cuts) => {
        const ended = (text: string) => Buffer.from(text.replaceAll('\n', end))
        const before = ended(mark + others.join(''))
        const all = Buffer.concat([before, ended(CREATED)])
        const free = others.length > 0 ? before.length : 0
        expect(fed(new EventNaming(), split(all, cuts))).toEqual({ id: 'resp_1', free })
        expect(fed(new EventNaming(), split(before, cuts))).toEqual({ id: undefined, free })
      }),
      { numRuns: SOME },
    )
  })

  test.each([
    ['before its line ends', ['data:{"response":{"x":{"id":"no"},"id":"resp_1"']],
    ['in data of two lines', ['data: {"response":\ndata: {"id":"resp_1"}}\n\n']],
    ['in data of two lines that end in CR LF', ['data: {"response":\r\n', 'data: {"id":"resp_1"}}\r\n']],
    ['behind the name of its event', ['event: x\nid: 7\ndata: {"response":{"id":"resp_1"}}']],
    ['behind a byte order mark', ['\ufeffdata: {"response":{"id":"resp_1"']],
    ['in a later event', ['data: {"response":{}}\n\ndata: {"response":{"id":"resp_1"}}']],
  ])('is found %s', (_, pieces) => {
    expect(inEvents(...pieces)).toBe('resp_1')
  })

  test.each([
    'data: {"id":"resp_1"}\n\n',
    'data: {"item":{"id":"msg_1"},"response_id":"resp_1"}\n\n',
    ': {"response":{"id":"resp_1"}}\n\n',
    'dat: {"response":{"id":"resp_1"}}\n\n',
    ' data: {"response":{"id":"resp_1"}}\n\n',
    '\n\ufeffdata: {"response":{"id":"resp_1"}}\n\n',
    'data: {"response":\n\ndata: {"id":"resp_1"}}\n\n',
    'data: {"response":["id","resp_1"]}\n\n',
  ])('is not in %p', text => {
    expect(inEvents(text)).toBeUndefined()
  })
})
