import { describe, expect, test } from 'bun:test'
import { array, assert, asyncProperty, boolean, constant, constantFrom, letrec, oneof, tuple } from 'fast-check'
import { Problem } from '../../src/protocol/problem.ts'
import { referencesIn } from '../../src/protocol/references.ts'
import { withCorpus } from '../kit/data.ts'

const bytesOf = (body: unknown): Uint8Array => {
  if (body instanceof Uint8Array) return body
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}

/** What is found in a body, as `kind id`, or why it is refused. */
const told = (body: unknown): Promise<string[] | string> =>
  referencesIn(bytesOf(body)).then(
    found => found.map(({ kind, id }) => `${kind} ${id}`),
    error => (error instanceof Problem ? error.code : error),
  )

describe('a body names', () => {
  const text = { type: 'input_text', text: 'file_id' }
  const check = [{ id: 'cu_1' }]
  const reasoning = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'x' }
  test.each<[unknown, string[]]>([
    [{}, []],
    [{ conversation: 'conv_1', previous_response_id: 'resp_1' }, ['conversation conv_1', 'response resp_1']],
    [{ conversation: { id: 'conv_1', metadata: { id: 'x', file_id: 'y' } } }, ['conversation conv_1']],
    [{ conversation: null, previous_response_id: null, container: null, prompt: null }, []],
    [{ input: [{ role: 'user', content: [text, { type: 'input_file', file_id: 'file-1' }] }] }, ['file file-1']],
    [{ input_file_id: 'a', training_file: 'b', validation_file: 'c' }, ['file a', 'file b', 'file c']],
    [{ tools: [{ container: { type: 'auto', file_ids: ['file-1', 'file-2'] } }] }, ['file file-1', 'file file-2']],
    [{ file_ids: ['file-1'], a: [{ file_id: 'file-1' }, { file_id: 'FILE-1' }] }, ['file file-1', 'file FILE-1']],
    [{ prompt: 'pmpt_1', vector_store_ids: [], stop_token_ids: [1, 2], return_token_ids: true }, []],
    [{ prompt: ['pmpt_1', 'pmpt_2'], input: [[1, 2], [3]], tempStreamId: 'x' }, []],
    [
      {
        messages: [
          { id: 'm', tool_calls: [{ id: 'call_1' }] },
          { role: 'tool', tool_call_id: 'call_1' },
        ],
      },
      [],
    ],
    [{ tools: [{ type: 'function', parameters: { properties: { id: {}, file_id: { enum: [['a']] } } } }] }, []],
    [
      {
        tools: [
          { parameters: {}, x: { file_id: 'file-1' } },
          { parameters: [{}], file_id: 'b' },
        ],
      },
      ['file file-1', 'file b'],
    ],
    [{ items: [{ id: 'msg_1', type: 'message', role: 'assistant', content: 'x' }] }, []],
    [
      {
        items: [
          { id: null, content: 'x' },
          { type: 'message', content: 'x', previous_response_id: 'r' },
        ],
      },
      ['response r'],
    ],
    [{ items: [reasoning, reasoning, { type: 'mcp_list_tools', id: 'mcpl_1', tools: [], error: 'x' }] }, []],
    [{ input: [{ type: 'computer_call', pending_safety_checks: check, acknowledged_safety_checks: check }] }, []],
    [{ tools: [{ type: 'mcp', connector_id: 'connector_gmail', headers: { session_id: 'x' } }] }, []],
  ])('%j: %j', async (body, wanted) => {
    expect(await told(body)).toEqual(wanted)
  })

  test.each(['', '.', '..', 'a/b', 'a b', 'conv_é', 'conv_1\n', '%63onv_1', 'x'.repeat(256), 'x'.repeat(9999)])(
    "what is nobody's by %j, which is spelled as no id is",
    async id => {
      expect(await told({ conversation: id })).toEqual(['conversation '])
      expect(await told({ conversation: { id } })).toEqual(['conversation '])
    },
  )

  test('an id of 255 characters, plainly or escaped', async () => {
    const id = 'Az.:-_09'.repeat(32).slice(1)
    const escaped = [...id].map(letter => `\\u00${letter.charCodeAt(0).toString(16)}`).join('')
    for (const each of [id, escaped]) expect(await told(`{"file_id":"${each}"}`)).toEqual([`file ${id}`])
  })
})

describe('a body is refused', () => {
  test.each<[string, unknown]>([
    ['malformed_json', '{"file_id":"a","file_id":"b"}'],
    ['malformed_json', '{"a":[{"file_id":"a","\\u0066ile_id":"b"}]}'],
    ['malformed_json', '{"metadata":{"a":1,"a":2}}'],
    ['malformed_json', '[{"file_id":"a"}]'],
    ['invalid_body', { conversation: 1 }],
    ['invalid_body', { conversation: ['conv_1'] }],
    ['invalid_body', { conversation: {} }],
    ['invalid_body', { conversation: { id: 1 } }],
    ['invalid_body', { file_id: ['file-1'] }],
    ['invalid_body', { file_id: { id: 'file-1' } }],
    ['invalid_body', { file_ids: 'file-1' }],
    ['invalid_body', { file_ids: [['file-1']] }],
    ['invalid_body', { file_ids: [1] }],
    ['invalid_body', { skill_id: { id: 'skill_1' } }],
    ['invalid_body', { content: [['input_file', 'file-1']] }],
    ['invalid_body', { content: [[{ file_id: 'file-1' }]] }],
    ['invalid_body', { File_ID: 'file-1' }],
    ['invalid_body', { fileId: 'file-1' }],
    ['invalid_body', { previousResponseId: 'resp_1' }],
    ['invalid_body', { converſation: 'conv_1' }],
    ['invalid_body', { input: [{ id: 'msg_1', Type: 'message', content: 'x' }] }],
    ['invalid_body', { file_ids: Array.from({ length: 1001 }, (_, i) => `file-${i}`) }],
    ['reference_not_supported', { id: 'conv_1' }],
    ['reference_not_supported', { vector_store_ids: ['vs_1'] }],
    ['reference_not_supported', { container: 'cntr_1' }],
    ['reference_not_supported', { container: { type: 'auto', id: 'cntr_1' } }],
    ['reference_not_supported', { container: ['cntr_1'] }],
    ['reference_not_supported', { prompt: { id: 'pmpt_1' } }],
    ['reference_not_supported', { thread_id: 'thread_1' }],
    ['reference_not_supported', { source: { type: 'file_id', id: 'file-1' } }],
    ['reference_not_supported', { input: [{ type: 'item_reference', id: 'msg_1' }] }],
    ['reference_not_supported', { input: [{ type: null, id: 'msg_1', role: 'user', content: 'x' }] }],
    ['reference_not_supported', { input: [{ id: 'msg_1', role: 'user', content: 'x' }] }],
    ['reference_not_supported', { items: [{ id: 'msg_1' }] }],
    ['reference_not_supported', { input: { id: 'msg_1' } }],
    ['reference_not_supported', { input: [{ type: 'message', id: 'msg_1', content: '' }] }],
    ['reference_not_supported', { input: [{ type: 'message', id: 'msg_1', content: [] }] }],
    ['reference_not_supported', { input: [{ type: 'message', id: 'msg_1', Content: 'x', x: ['x'] }] }],
    ['reference_not_supported', { input: [{ type: 'unheard_of', id: 'x_1', content: 'x' }] }],
    ['reference_not_supported', { input: [{ type: 'reasoning', id: 'rs_1', summary: [{ text: 'x' }] }] }],
    ['reference_not_supported', { input: [{ type: 'image_generation_call', id: 'ig_1', result: null }] }],
  ])('as %s: %j', async (code, body) => {
    expect(await told(body)).toBe(code)
  })

  test('in words that repeat nothing of it', async () => {
    for (const body of [{ secret_id: 'secret' }, { file_ids: { secret: 1 } }, { input: [{ id: 'secret' }] }]) {
      const problem = await referencesIn(Buffer.from(JSON.stringify(body))).catch(error => error)
      expect(problem.message).not.toContain('secret')
    }
  })

  test('not for a thousand files, each of them named twice', async () => {
    const ids = Array.from({ length: 1000 }, (_, i) => `file-${i}`)
    expect(await told({ file_ids: [...ids, ...ids] })).toHaveLength(1000)
  })
})

/** What a string names by the members around it. */
function namedBy(text: string, name: string, within: string): string | undefined {
  const [, kind] = /(conversation|response|file)_ids?$/.exec(name) ?? []
  if (kind) return `${kind} ${text}`
  if (name === 'conversation' || (name === 'id' && within === 'conversation')) return `conversation ${text}`
  const isLabel = name === 'id' && ['tool_calls', 'input'].includes(within)
  return !isLabel && ['id', 'container', 'vector_store_ids'].includes(name) ? 'refused' : undefined
}

/** What a parsed body names by the plainest of walks. */
function namedIn(value: unknown, name = '', within = ''): string[] {
  if (typeof value === 'string') return [namedBy(value, name, within) ?? []].flat()
  if (Array.isArray(value)) return value.flatMap(each => namedIn(each, name, within))
  const members = Object.entries(value ?? {}).filter(([key]) => key !== 'metadata')
  return members.flatMap(([key, each]) => namedIn(each, key, name))
}

/** A member's name as it may stand in JSON. */
const spelled = (name: string, isEscaped: boolean) =>
  isEscaped ? `"\\u00${name.charCodeAt(0).toString(16)}${name.slice(1)}"` : `"${name}"`

/** JSON texts of nested objects with members that name things, escaped in any way, well formed or not, some twice. */
const { object: BODY } = letrec<{ object: string; value: string }>(tie => {
  const string = constantFrom('"conv_1"', '"file-1"', '"\\u0066ile-1"', '"message"', '"resp_1"', '"é😀"')
  const strings = array(string, { maxLength: 3 }).map(all => `[${all.join(' , ')}]`)
  const naming = oneof(
    tuple(constantFrom('conversation', 'file_id', 'previous_response_id', 'type', 'content'), string),
    tuple(constantFrom('file_ids', 'content'), strings),
    tuple(
      constant('conversation'),
      string.map(id => `{ "id" :${id}}`),
    ),
  )
  const names = ['conversation', 'file_id', 'file_ids', 'vector_store_ids', 'container', 'id', 'type', 'content', 'x']
  const wild = tuple(constantFrom(...names), tie('value'))
  const outer = tuple(constantFrom('input', 'tool_calls', 'metadata', 'x', 'y', 'content'), tie('value'))
  const member = oneof(
    { weight: 6, arbitrary: naming },
    { weight: 1, arbitrary: wild },
    { weight: 6, arbitrary: outer },
  )
  return {
    object: array(tuple(member, boolean()), { maxLength: 4 }).map(
      members => `{${members.map(([[name, value], isEscaped]) => `${spelled(name, isEscaped)}:${value}`).join()}}`,
    ),
    value: oneof(
      { maxDepth: 5 },
      constantFrom('1', 'true', 'null', '[]', '[1, 2]'),
      string,
      strings,
      tie('object'),
      array(tie('object'), { maxLength: 3 }).map(all => `[${all.join()}]`),
    ),
  }
})

describe('nothing that a parsed body names is missed', () => {
  test('over nested bodies, escaped in any way', async () => {
    let full = 0
    const holds = async (body: string) => {
      const found = await told(body)
      if (typeof found === 'string') {
        expect(found).toMatch(/^(malformed_json|invalid_body|reference_not_supported)$/)
        return
      }
      const named = new Set([...namedIn(JSON.parse(body))].map(each => each.replace(/é😀$/, '')))
      expect([body, found.toSorted()]).toEqual([body, [...named].toSorted()])
      if (found.length > 0) full++
    }
    await assert(asyncProperty(BODY, holds), { numRuns: 2000 })
    expect(full).toBeGreaterThan(100)
  })

  withCorpus<object>('json/JSONTestSuite.json', 'over all that JSONTestSuite holds', async corpus => {
    let passed = 0
    for (const [, base64 = ''] of JSON.stringify(corpus).matchAll(/"\w*b64":"([^"]*)"/g))
      for (const around of ['{"a":|,"file_id":"file-1"}', '{"metadata":[|],"file_id":"file-1"}']) {
        const [before = '', after = ''] = around.split('|')
        const body = Buffer.concat([Buffer.from(before), Buffer.from(base64, 'base64'), Buffer.from(after)])
        const found = await told(body)
        expect(['malformed_json', 'invalid_body', 'reference_not_supported', ['file file-1']]).toContainEqual(found)
        passed += Array.isArray(found) ? 1 : 0
      }
    expect(passed).toBeGreaterThan(100)
  })

  test('where a body takes many turns, wherever those end', async () => {
    const unit = '{"\\u0066ile_id" : "file-\\u0031", "x":["é😀\\n"]},'
    for (let shift = 0; shift < Buffer.byteLength(unit); shift++) {
      const body = `{"a":${' '.repeat(shift)}[${unit.repeat(700)}{"file_id":"file-2"}],"conversation":{"id":"conv_1"}}`
      expect(await told(body)).toEqual(['conversation conv_1', 'file file-1', 'file file-2'])
    }
  })
})
