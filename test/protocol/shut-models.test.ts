import { expect, test } from 'bun:test'
import { readObject } from '../../src/protocol/json.ts'
import type { ModelRules } from '../../src/protocol/model-rules.ts'
import { Problem } from '../../src/protocol/problem.ts'
import { shutModels } from '../../src/protocol/shut-models.ts'

const RULES: ModelRules = new Map([
  ['shut', { public: false, prompt: undefined }],
  ['told', { public: true, prompt: undefined }],
])

const codeOf = (body: string, rules = RULES) =>
  readObject(Buffer.from(body), [], shutModels(rules, Buffer.from(body))).then(
    () => 'passes',
    error => (error instanceof Problem ? error.code : error),
  )

test.each([
  '{"tools":[{"type":"image_generation","model":"SHUT"}]}',
  '{"session":{"audio":{"input":{"transcription":{"model":"sh\\u0075t"}}}}}',
  '{"models":["other","shut"]}',
  '{"a":{"Models":["shut"]}}',
  '{"metadata":{"model":"other"},"a":{"model":"shut"}}',
  '{"a":[{"metadata":"x"},{"metadata":null},{"metadata":{}},{"model":"shut"}]}',
])('%s names one that is shut', async body => {
  expect(await codeOf(body)).toBe('model_not_available')
})

test.each([
  '{"tools":[{"parameters":{"properties":{"model":{"enum":["shut"]}},"model":"shut"}}]}',
  '{"metadata":{"a":[{}],"model":"shut"}}',
  '{"tools":[{"model":"told"}],"models":{"x":"shut"}}',
  '{"input":"shut","a":{"model":null,"b":["shut"]},"model":{"id":"shut"}}',
])('%s does not', async body => {
  expect(await codeOf(body)).toBe('passes')
})

test('of more models than anybody names none is looked up', async () => {
  const naming = (count: number) => codeOf(`{"models":["x"${',"x"'.repeat(count - 1)}]}`)
  expect([await naming(1000), await naming(1001)]).toEqual(['passes', 'invalid_body'])
})

test('nobody listens where none is shut', () => {
  const rules: ModelRules = new Map([['told', { public: true, prompt: undefined }]])
  expect(shutModels(rules, Buffer.from('{}'))).toBeUndefined()
})
