import { expect, test } from 'bun:test'
import { queryOf } from '../../../src/features/conversations/query.ts'
import { problemOf } from '../../kit/problem.ts'

test('a query may be empty, or say how many, after which and in which order', () => {
  expect(queryOf('')).toEqual({ limit: 20, order: 'desc', after: undefined })
  expect(queryOf('?limit=1000&after=conv_%61&order=asc')).toEqual({ limit: 1000, order: 'asc', after: 'conv_a' })
})

test.each([
  ['?limit=0', '"limit" must be'],
  ['?limit=1001', '"limit" must be'],
  ['?limit=', '"limit" must be'],
  ['?limit=1e2', '"limit" must be'],
  ['?limit=5&limit=5', '"limit" is given twice'],
  ['?order=DESC', '"order" must be'],
  ['?order=', '"order" must be'],
  ['?before=x', 'and nothing else'],
  ['?Limit=5', 'and nothing else'],
])('%s is refused, and says why', async (query, why) => {
  const { code, message } = await problemOf(() => queryOf(query))
  expect([code, message]).toEqual(['invalid_query', expect.stringContaining(why)])
})
