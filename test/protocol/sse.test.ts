import { describe, expect, test } from 'bun:test'
import { array, assert, constantFrom, nat, property } from 'fast-check'
import { EventReader } from '../../src/protocol/sse.ts'
import { split } from '../kit/split.ts'

/** What is read of a stream that comes in these pieces. */
function read(parts: readonly (string | Buffer)[], usage = true) {
  const reader = new EventReader({ usage })
  for (const part of parts) reader.feed(Buffer.from(part))
  return { count: reader.count, stated: reader.stated() }
}

const chunk = (n: number, usage: unknown = null) =>
  `{"id":"c","choices":[{"delta":{"content":"w${n}"}}],"usage":${JSON.stringify(usage)}}`

describe('events', () => {
  const line = constantFrom(
    ...['data: {"a":1}', 'data:[DONE]', 'data', 'data: ', ': ping', 'event: x', 'id: 1', '', 'xdata: no', ' data: no'],
    ...[
      'data: {"usage":null}',
      'data: {"n":1,"usage":{"prompt_tokens":1}}',
      'data: {"n":2,"usage" : {}}',
      '"usage":{}',
    ],
    ...['data: {"n":3,"response":{"usage":{}}}', 'data: {"usage":{', 'data: "\\"usage\\":{"', 'data: {"usage":"{"}'],
  )
  const stream = array(line.map(text => [text, '\n']).chain(([text]) => constantFrom(`${text}\n`, `${text}\r\n`)))

  test('are counted and read the same wherever the bytes are split', async () => {
    await assert(
      property(stream, array(nat()), nat(), (lines, cuts, end) => {
        const all = Buffer.from(lines.join(''))
        const bytes = all.subarray(0, all.length - (end % (all.length + 1)))
        const whole = read([bytes])
        expect(read(split(bytes, cuts))).toEqual(whole)
        expect(read([...bytes].map(byte => Buffer.of(byte)))).toEqual(whole)
        expect(whole.count).toBe((bytes.toString().match(/^data:[^\n]*\n/gm) ?? []).length)
        expect(read([bytes], false)).toEqual({ count: whole.count, stated: undefined })
      }),
      { numRuns: 300 },
    )
  })

  test('are as many as the lines of data, whatever ends the lines', () => {
    for (const end of ['\n', '\r\n']) {
      const lines = [': ping', '', 'event: delta', 'data: {"a":1}', '', 'data: [DONE]', '', '']
      expect(read([lines.join(end)]).count).toBe(2)
    }
  })
})

describe('usage', () => {
  const stream = (...events: string[]) => events.map(event => `data: ${event}\n\n`).join('')

  test('is that of the last event that states it, not of those with null', () => {
    const early = chunk(1, { prompt_tokens: 1 })
    const last = chunk(2, { prompt_tokens: 2 })
    expect(read([stream(early, last, chunk(3), '[DONE]')])).toEqual({ count: 4, stated: JSON.parse(last) })
  })

  test('is found in a line of its own chunk, of many, and of one that never ended', () => {
    const last = chunk(9, { prompt_tokens: 2 })
    const before = stream(chunk(1), chunk(2))
    expect(read([before, stream(last)]).stated).toEqual(JSON.parse(last))
    expect(read([before, `data: ${last}`]).stated).toEqual(JSON.parse(last))
    expect(read([`${before}data: ${last.slice(0, 40)}`, last.slice(40)]).stated).toEqual(JSON.parse(last))
  })

  test('that was stated counts when the next statement is cut', () => {
    const first = chunk(1, { prompt_tokens: 1 })
    const cut = chunk(2, { prompt_tokens: 2 }).slice(0, -1)
    expect(read([stream(first), `data: ${cut}`]).stated).toEqual(JSON.parse(first))
  })

  test('is none in a text that speaks of it', () => {
    expect(read([stream('{"content":"\\"usage\\":{}"}')]).stated).toBeUndefined()
    expect(read([': "usage":{}\n', 'event: "usage":{}\n', '"usage":{}\n']).stated).toBeUndefined()
    expect(read([stream('{"usage":{]')]).stated).toBeUndefined()
    const data = chunk(1, { prompt_tokens: 1 })
    expect(read([stream(data), ': "usage":{}\n', 'xdata:{"usage":{}}\n']).stated).toEqual(JSON.parse(data))
  })

  test('is looked for once in each line, however often a line speaks of it', () => {
    const time = (bytes: number) => {
      const line = Buffer.from(`${'"usage":{'.repeat(bytes / 9)}\n`)
      const start = performance.now()
      expect(read([line]).stated).toBeUndefined()
      return performance.now() - start
    }
    time(1000)
    // In proportion to its length: to its square, it would be four hundred times as long.
    expect(time(400_000)).toBeLessThan(200 * Math.max(time(20_000), 0.1))
  })

  test('is found in a line of megabytes that comes in pieces, and not looked for in one beyond belief', () => {
    const completed = (bytes: number) =>
      Buffer.from(`data: {"response":{"output":"${'x'.repeat(bytes)}","usage":{"input_tokens":1}}}\n\n`)
    const pieces = (bytes: Buffer) =>
      Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, i) => bytes.subarray(i * 65_536, (i + 1) * 65_536))
    expect(read(pieces(completed(3e6)))).toMatchObject({
      count: 1,
      stated: { response: { usage: { input_tokens: 1 } } },
    })
    expect(read(pieces(completed(5e6)))).toEqual({ count: 1, stated: undefined })
  })
})

describe('the id of an answer', () => {
  const idOf = (parts: readonly (string | Buffer)[], usage = true) => {
    const reader = new EventReader({ usage })
    for (const part of parts) reader.feed(Buffer.from(part))
    return reader.id
  }
  const created = '{"type":"response.created","response":{"id":"resp_1","usage":null}}'

  test.each([
    ['of a chat', `data: ${chunk(1)}\n\ndata: ${chunk(2).replace('"c"', '"d"')}\n\n`, 'c'],
    ['of a response', `event: response.created\r\ndata: ${created}\r\n\r\n`, 'resp_1'],
    ['told by the second event', `data: {"ping":1}\n\ndata: ${created}\n\n`, 'resp_1'],
    ['not told by the first ones', `${'data: {}\n\n'.repeat(4)}data: ${created}\n\n`, undefined],
    ['that is none', 'data: {"id":"../x"}\n\ndata: {"id":7}\n\ndata: [DONE]\n\n', undefined],
    ['in what is not data', `id: x\nevent: {"id":"c"}\n: ${created}\n\n`, undefined],
  ])('%s', (_, text, id) => {
    expect(idOf([text])).toBe(id)
    expect(idOf([...Buffer.from(text)].map(byte => Buffer.of(byte)))).toBe(id)
    expect(idOf([text], false)).toBeUndefined()
  })
})
