import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { Problem, type ProblemCode } from '../../src/protocol/problem.ts'

const source = await Bun.file(join(import.meta.dir, '../../src/protocol/problem.ts')).text()
const codes = [...source.matchAll(/^ {2}(\w+): \{ status:/gm)].map(([, code]) => code as ProblemCode)

describe('a problem', () => {
  test('is uttered in the shape OpenAI clients read', () => {
    const problem = new Problem('rate_limited', 'Slow down.', { headers: { 'retry-after': '1' } })
    expect(JSON.parse(JSON.stringify(problem))).toEqual({
      error: { message: 'Slow down.', type: 'rate_limit_error', param: null, code: 'rate_limited' },
    })
    expect(problem.status).toBe(429)
  })

  test('keeps its cause and its headers to itself', () => {
    const cause = new Error('hush')
    const problem = new Problem('internal', 'Something went wrong.', { cause, headers: { 'x-inner': 'hush' } })
    expect(JSON.stringify(problem)).not.toContain('hush')
    expect(problem.cause).toBe(cause)
    expect(problem.headers).toEqual({ 'x-inner': 'hush' })
  })

  test('shares no headers with another that was given none', () => {
    const [one, two] = [new Problem('internal', ''), new Problem('internal', '')]
    one.headers['x-mark'] = 'one'
    expect(two.headers).toEqual({})
  })

  test('has a row for each way to fail', () => {
    expect(codes.length).toBeGreaterThan(20)
    expect(new Set(codes).size).toBe(codes.length)
  })

  test.each(codes)('%s has an error status and a type', code => {
    const problem = new Problem(code, '')
    expect(problem.status).toBeWithin(400, 600)
    expect(problem.toJSON().error.type).toMatch(/^[a-z]+(_[a-z]+)*_error$/)
    expect(problem.toJSON().error.type === 'server_error').toBe(problem.status >= 500)
  })

  test.each([
    ['token_missing', 401],
    ['token_malformed', 401],
    ['token_expired', 401],
    ['token_not_yet_valid', 401],
    ['token_wrong_issuer', 401],
    ['token_wrong_audience', 401],
    ['token_unknown_key', 401],
    ['token_bad_signature', 401],
    ['insufficient_scope', 403],
    ['reference_not_supported', 400],
    ['malformed_header', 400],
    ['malformed_host', 400],
    ['malformed_target', 400],
    ['not_found', 404],
    ['method_not_allowed', 405],
    ['rate_limited', 429],
    ['internal', 500],
    ['upstream_unreachable', 502],
    ['upstream_credentials', 502],
    ['keys_unavailable', 503],
    ['not_ready', 503],
    ['upstream_timeout', 504],
  ] as const)('%s has the status %d', (code, status) => {
    expect(new Problem(code, '').status).toBe(status)
  })
})
