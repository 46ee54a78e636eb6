import { describe, expect, test } from 'bun:test'
import { array, assert, asyncProperty, constantFrom, dictionary, jsonValue, string, tuple } from 'fast-check'
import { edited, readObject } from '../../src/protocol/json.ts'
import { foldedModel, type ModelRules, promptOf, RULED, shapeOf } from '../../src/protocol/model-rules.ts'
import { Problem } from '../../src/protocol/problem.ts'

const PROMPT = 'Speak "plainly".\n\u00e4 \u{1f512}'
const RULES: ModelRules = new Map([
  ['big/kind', { public: true, prompt: promptOf(PROMPT) }],
  ['shut', { public: false, prompt: undefined }],
])
const [CHAT, RESPONSES] = ['/v1/chat/completions', '/v1/responses']

async function shaped(body: string, route: string, rules = RULES): Promise<string> {
  const bytes = Buffer.from(body)
  const object = await readObject(bytes, RULED)
  return Buffer.concat(edited(bytes, shapeOf(rules, { bytes, object }, route).edits)).toString()
}
const codeOf = (body: string, route = CHAT) =>
  shaped(body, route).then(
    () => 'passes',
    error => (error instanceof Problem ? error.code : error),
  )

test.each([
  ...['shut', 'SHUT', ' Shut\\n', '\\u0073hut', '\\u017fhut', '\u017fHUT'],
  // Blank to Rust and Python, nothing to C and to whoever looks at it.
  ...['shut\\u0085', '\\u001cshut', 'shut\\u0000', 'sh\u200but'],
])('%s is not available', async id => {
  expect(await codeOf(`{"model":"${id}"}`, '/v1/embeddings')).toBe('model_not_available')
})

test.each(['{"model":"other"}', '{}', '{"model":null}', '{"a":{"model":"shut"}}'])(
  '%s passes as it came',
  async body => {
    expect(await shaped(body, CHAT)).toBe(body)
  },
)

test.each([
  ['{"model":["shut"]}', CHAT],
  ['{"model":{"id":"shut"}}', CHAT],
  ['{"Model":"shut"}', CHAT],
  ['{"model":"big/kind"}', CHAT],
  ['{"model":"big/kind","messages":"Hello"}', CHAT],
  ['{"model":"big/kind","messages":[],"MESSAGES":[]}', CHAT],
  ['{"model":"big/kind","instructions":["x"]}', RESPONSES],
  ['{"model":"big/kind","instructions":1}', RESPONSES],
  ['{"model":"big/kind","in\\u017ftructions":"x"}', RESPONSES],
])('%s to %s is refused', async (body, route) => {
  expect(await codeOf(body, route)).toBe('invalid_body')
})

test('a name longer than any model has, blanks and all, is none', async () => {
  expect(await codeOf(`{"model":"shut${' '.repeat(5000)}"}`)).toBe('invalid_body')
})

test('a letter that some make small in one step, and some in two, is one letter', async () => {
  const rules: ModelRules = new Map([[foldedModel('Mini'), { public: false, prompt: undefined }]])
  await expect(shaped('{"model":"M\u0130NI"}', CHAT, rules)).rejects.toThrow('not available')
})

test('no body is looked at while there are no rules', async () => {
  expect(await shaped('{"model":["shut"]}', CHAT, new Map())).toBe('{"model":["shut"]}')
})

test('a hash is of the prompt alone', async () => {
  const bytes = Buffer.from('{"model":"big/kind","instructions":"x"}')
  const { sha256 } = shapeOf(RULES, { bytes, object: await readObject(bytes, RULED) }, RESPONSES)
  expect(sha256).toBe(new Bun.CryptoHasher('sha256').update(PROMPT).digest('hex'))
})

/** Objects in any order and any spacing, written by hand: numbers that `JSON.parse` would round, escapes, blanks. */
const value = constantFrom('1e999', '12345678901234567890', '"\\u00e4\\/"', '[ ]', '{"z":\t1}', 'null', '"\u{1f511}"')
const others = dictionary(string({ minLength: 1, maxLength: 8 }), value, { maxKeys: 4 })
const blank = constantFrom('', ' ', '\n\t')
const isFree = (name: string) => !RULED.some(ruled => ruled === foldedModel(name))

/** A body's text, and the same with another text in place of one member. */
function written(members: readonly (readonly [string, string])[], space: string) {
  return `{${members.map(([name, text]) => `${JSON.stringify(name)}${space}:${space}${text}${space}`).join(`,${space}`)}}`
}

describe('of a body with a prompt', () => {
  const model = ['model', '"Big\\/KIND"'] as const
  const around = tuple(others, others, blank).map(([left, right, space]) => {
    const free = (given: Record<string, string>, taken: object = {}) =>
      Object.entries(given).filter(([name]) => isFree(name) && !Object.hasOwn(taken, name))
    return { left: free(left), right: free(right, left), space }
  })

  test('every byte but of the instructions stays', async () => {
    await assert(
      asyncProperty(around, string({ unit: 'binary' }), async ({ left, right, space }, said) => {
        const text = JSON.stringify(said)
        const body = written([...left, ['instructions', text], model, ...right], space)
        const inner = JSON.stringify(said === '' ? PROMPT : `${PROMPT}\n\n`).slice(0, -1) + text.slice(1)
        expect(await shaped(body, RESPONSES)).toBe(written([...left, ['instructions', inner], model, ...right], space))
      }),
      { numRuns: 500 },
    )
  })

  test('or the instructions come first, where there were none', async () => {
    await assert(
      asyncProperty(around, async ({ left, right, space }) => {
        const body = written([...left, model, ...right], space)
        expect(await shaped(body, RESPONSES)).toBe(`{"instructions":${JSON.stringify(PROMPT)},${body.slice(1)}`)
      }),
      { numRuns: 200 },
    )
  })

  test('every byte but the first message stays', async () => {
    await assert(
      asyncProperty(around, array(jsonValue(), { maxLength: 3 }), async ({ left, right, space }, messages) => {
        const list = (first: string, rest: string) => `[${first}${first && messages.length > 0 ? ',' : ''}${rest}]`
        const rest = space + messages.map(it => JSON.stringify(it)).join(`${space},`)
        const first = JSON.stringify({ role: 'system', content: PROMPT })
        const body = (text: string) => written([...left, ['messages', text], model, ...right], space)
        expect(await shaped(body(list('', rest)), CHAT)).toBe(body(list(first, rest)))
      }),
      { numRuns: 500 },
    )
  })
})
