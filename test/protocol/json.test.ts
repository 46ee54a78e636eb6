import { describe, expect, test } from 'bun:test'
import {
  array,
  assert,
  asyncProperty,
  constant,
  constantFrom,
  dictionary,
  json,
  oneof,
  string,
  tuple,
  uint8Array,
} from 'fast-check'
import { edited, memberSet, readObject } from '../../src/protocol/json.ts'
import { Problem } from '../../src/protocol/problem.ts'
import { withCorpus } from '../kit/data.ts'

const DEEPEST = 128
const MOST_KEYS = 10_000

const manyKeys = (count: number) => Array.from({ length: count }, (_, i) => `"k${i}":${i}`).join()

/** Why a body is refused, or `undefined`. */
const refusal = (body: string | Uint8Array, names: string[] = []) =>
  readObject(typeof body === 'string' ? Buffer.from(body) : body, names).then(
    () => undefined,
    error => (error instanceof Problem ? `${error.code}: ${error.message}` : error),
  )

/** The text of a body as JSON.parse may have it, a byte order mark kept; `undefined` where it is not UTF-8. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** What a document is by JSON.parse, and by a count of its keys and depth that is plain and slow. */
function verdict(bytes: Uint8Array): 'refused' | Record<string, unknown> {
  const text = textOf(bytes)
  if (text === undefined) return 'refused'
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'refused'
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'refused'
  // A key twice is one that parsing loses; outside of strings each key has one colon, each container one bracket.
  const bare = text.replace(/"(?:[^"\\]|\\.)*"/gs, '')
  const colons = bare.split(':').length - 1
  let depth = 0
  let deepest = 0
  for (const letter of bare) {
    depth += '[{'.includes(letter) ? 1 : ']}'.includes(letter) ? -1 : 0
    deepest = Math.max(deepest, depth)
  }
  return colons === keysIn(value) && deepest <= DEEPEST ? (value as Record<string, unknown>) : 'refused'
}

function keysIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const own = Array.isArray(value) ? 0 : Object.keys(value).length
  return Object.values(value).reduce((sum: number, each) => sum + keysIn(each), own)
}

/** Holds the reader to JSON.parse over one document: the verdict, and the span of each of its members. */
async function expectSame(bytes: Uint8Array): Promise<void> {
  const wanted = verdict(bytes)
  if (wanted === 'refused') {
    expect([Buffer.from(bytes).toString(), await refusal(bytes)]).toEqual([
      Buffer.from(bytes).toString(),
      expect.stringContaining('malformed_json: '),
    ])
    return
  }
  const names = Object.keys(wanted)
  const { members, isEmpty } = await readObject(bytes, [...names, 'not there'])
  expect(Object.keys(members).sort()).toEqual([...names].sort())
  expect(isEmpty).toBe(names.length === 0)
  for (const name of names) {
    const span = Object.getOwnPropertyDescriptor(members, name)?.value
    const text = Buffer.from(bytes.subarray(span.from, span.to)).toString()
    expect(text).toBe(text.trim())
    expect(JSON.parse(text)).toEqual(wanted[name])
  }
}

const LONE = '\\ud800'
const KEYS = constantFrom('"a"', '"\\u0061"', '"b"', '"\\u00e9"', '"é"', '"😀"', '"\\ud83d\\uDE00"', `"${LONE}"`, '""')
const PIECES = constantFrom(
  ...'{}[],:" \n\t0123456789-+.eE\\/u',
  'true',
  'false',
  'null',
  '"a"',
  '"\\u0061"',
  '1',
  '{"a":',
)
const VALUE = oneof(
  json(),
  constantFrom('1e999', '-0', '0.10', '"\\u0000"', `"${LONE}"`, '[ ]', '{\t}', '123456789012345678901'),
)

describe('a body is read as JSON.parse reads it', () => {
  withCorpus<{ parsing: unknown[] }>('json/JSONTestSuite.json', 'over all that JSONTestSuite holds', async corpus => {
    const texts = textsOf(corpus)
    expect(texts.length).toBeGreaterThan(300)
    for (const bytes of texts) {
      await expectSame(bytes)
      await expectSame(Buffer.concat([Buffer.from('{"a": '), bytes, Buffer.from('}')]))
    }
  })

  test('over objects of any members, escaped and spaced in any way, some of them twice', async () => {
    const member = tuple(KEYS, VALUE, constantFrom('', ' ', '\r\n\t'))
    const text = array(member, { maxLength: 5 }).map(
      members => `{${members.map(([key, value, space]) => `${space}${key}${space}:${space}${value}${space}`).join()}}`,
    )
    const nested = oneof(
      text,
      text.map(inner => `{"x":[1,${inner}],"y":${inner}}`),
    )
    await assert(
      asyncProperty(nested, body => expectSame(Buffer.from(body))),
      { numRuns: 1000 },
    )
  })

  test('over what is made of the same pieces and mostly wrong', async () => {
    const wrong = array(PIECES, { maxLength: 12 }).map(pieces => `{"a":${pieces.join('')}}`)
    const bare = array(PIECES, { maxLength: 6 }).map(pieces => pieces.join(''))
    await assert(
      asyncProperty(oneof(wrong, bare), body => expectSame(Buffer.from(body))),
      { numRuns: 2000 },
    )
  })

  test('over any bytes within a string, and after the object', async () => {
    const around = oneof(constant(['{"', '":1}']), constant(['{"a":"', '"}']), constant(['{}', '']))
    await assert(
      asyncProperty(around, uint8Array({ maxLength: 6 }), ([before = '', after = ''], bytes) =>
        expectSame(Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)])),
      ),
      { numRuns: 2000 },
    )
  })

  test('over objects of few keys and of as many as there may be', async () => {
    for (const size of [1, 100, MOST_KEYS]) {
      const keys = manyKeys(size)
      expect(await refusal(`{"a":[{${keys}},{${keys}}]}`)).toBeUndefined()
      for (const twice of [0, size >> 1, size - 1])
        expect(await refusal(`{${keys},"\\u006b${twice}":1}`)).toContain('twice')
    }
  })

  test('over what is longer than one turn, wherever the turn ends', async () => {
    const unit = '{"\\u0061é😀" :\t-12.50e+10, "b":"x\\u00e9é\\n\\\\"},\r\n[true],null,'
    for (let shift = 0; shift < Buffer.byteLength(unit); shift++) {
      const long = `{"a":${' '.repeat(shift)}[${unit.repeat(500)}0], "b" :{"c":1}}`
      await expectSame(Buffer.from(long))
      expect(await refusal(long.replace(/"b" ?(?=:{)/, '"\\u0061"'))).toContain('twice')
      await expectSame(Buffer.from(`{"a":"${'x'.repeat(28_600 + shift)}\n"}`))
      await expectSame(Buffer.from(`{"a":"${'é'.repeat(14_300)}${'x'.repeat(shift)}😀`))
      await expectSame(Buffer.from(`${' '.repeat(32_700 + shift)}{"a":"\\ud83d\\uDE00"}${' '.repeat(32_700)}`))
    }
  })

  test('over keys and numbers of any length that they may have, wherever the turn ends', async () => {
    const most = '1'.repeat(4092)
    for (const before of Array.from({ length: 60 }, (_, i) => ' '.repeat(28_640 + i))) {
      for (const body of [`"${most}1234":1`, `"a":${most}.0e1`, `"a":${most}1e+1`])
        await expectSame(Buffer.from(`{${before}${body}}`))
      for (const more of [1, 16, 40_000].map(length => '1'.repeat(length))) {
        expect(await refusal(`{${before}"${most}1234${more}":1}`)).toContain('a key of more than 4096 bytes')
        for (const number of [`${most}.0e1${more}`, `${more}${most}111e+1`, `-${most}${more}111E1`])
          expect(await refusal(`{${before}"a":${number}}`)).toContain('a number of more than 4096 bytes')
      }
    }
  })
})

describe('a body is refused', () => {
  const deep = (depth: number) => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`
  test.each([
    ['nothing', '', 'breaks the grammar at byte 0'],
    ['an array', '[]', 'not a JSON object'],
    ['words', 'secret', 'not a JSON object'],
    ['a byte order mark', '\ufeff{}', 'not a JSON object'],
    ['more after the object', '{} {}', 'breaks the grammar at byte 3'],
    ['no end', '{"secret":1', 'breaks the grammar at byte 11'],
    ['a key twice, once escaped', '{"secret":1,"\\u0073ecret":2}', 'twice in one object: again at byte 12'],
    ['a key twice in an object within', '{"a":[{"b":{"secret":1,"secret":2}}]}', 'twice in one object'],
    ['half a surrogate pair twice as a key', '{"\\ud800":1,"\\uD800":2}', 'twice in one object'],
    ['one container too many', deep(DEEPEST + 1), 'nested deeper than 128'],
    ['one key too many', `{"secret":{${manyKeys(MOST_KEYS + 1)}}}`, 'more than 10000 keys in one object'],
  ])('that is %s, in words that repeat nothing of it', async (_, body, why) => {
    const said = await refusal(body)
    expect(said).toStartWith('malformed_json: The body ')
    expect(said).toContain(why)
    expect(said).not.toContain('secret')
  })

  test('but not where keys are alike in different objects, or as deep as it may be', async () => {
    expect(await refusal('{"a":{"a":[{"a":1},{"a":1}]},"b":{"a":1}}')).toBeUndefined()
    expect(await refusal('{"\\ud800":1,"\\udfff":2,"\\ufffd":3,"é":4,"e\\u0301":5}')).toBeUndefined()
    expect(await refusal(deep(DEEPEST))).toBeUndefined()
  })
})

test('others have their turns while a long body is read', async () => {
  let turns = 0
  let others = setImmediate(function again() {
    turns++
    others = setImmediate(again)
  })
  await readObject(Buffer.from(`{"a":[${'[],'.repeat(200_000)}1]}`), [])
  clearImmediate(others)
  expect(turns).toBeGreaterThan(10)
})

describe('a member that is set', () => {
  const set = async (body: string, value: unknown) => {
    const bytes = Buffer.from(body)
    return Buffer.concat(edited(bytes, [memberSet(await readObject(bytes, ['it']), 'it', value)])).toString()
  }

  test.each([
    ['{}', '{"it":"x"}'],
    [' { } ', ' {"it":"x" } '],
    ['{ "n" : 1e999,\t"b":[ ] }\n', '{"it":"x", "n" : 1e999,\t"b":[ ] }\n'],
    ['{"a":{"it":1}}', '{"it":"x","a":{"it":1}}'],
    ['{"a":1,"it" : [1, {"it":2}] ,"b":2}', '{"a":1,"it" : "x" ,"b":2}'],
    ['{"\\u0069t":null}', '{"\\u0069t":"x"}'],
  ])('makes %s to %s', async (body, wanted) => {
    expect(await set(body, 'x')).toBe(wanted)
  })

  test('is the only change to any object', async () => {
    const key = string().filter(key => key === 'it' || key.toUpperCase().toLowerCase() !== 'it')
    await assert(
      asyncProperty(dictionary(key, constant('v')), string(), async (given, value) => {
        const text = JSON.stringify(given, null, 1)
        const changed = await set(text, value)
        expect(JSON.parse(changed)).toEqual({ ...given, it: value })
        const member = `"it":${JSON.stringify(value)}${Object.keys(given).length > 0 ? ',' : ''}`
        if (!('it' in given)) expect(changed.replace(member, () => '')).toBe(text)
      }),
    )
  })
})

/** Every text of the suite, however its file nests them. */
function textsOf(value: unknown): Buffer[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, each]) =>
    key.endsWith('b64') && typeof each === 'string' ? [Buffer.from(each, 'base64')] : textsOf(each),
  )
}
