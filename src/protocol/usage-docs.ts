import { type Detail, headers, parameter, refuses } from './openapi.ts'
import { LIMIT_HEADERS } from './openapi-words.ts'

const SUMS = {
  requests: 2,
  prompt_tokens: 120,
  completion_tokens: 80,
  cached_tokens: 16,
  total_tokens: 200,
  cost: '0.000123',
  estimated: 0,
}

/** What is said of the report of usage. */
export function usageDetail(): Detail {
  const text = { type: 'string' }
  const whole = { type: 'integer', minimum: 0 }
  const sums = Object.fromEntries(
    Object.entries(SUMS).map(([name, it]) => [name, typeof it === 'string' ? text : whole]),
  )
  const summed = (more: Record<string, object> = {}) => {
    const properties = { ...more, ...sums }
    return { type: 'object', required: Object.keys(properties), properties }
  }
  const moment = { type: 'string', format: 'date-time' }
  const properties = {
    start: moment,
    end: moment,
    total: summed(),
    by_model: { type: 'array', items: summed({ model: { type: 'string', nullable: true } }) },
    by_day: { type: 'array', items: summed({ day: { type: 'string', format: 'date' } }) },
  }
  const example = {
    start: '2026-01-01T00:00:00.000Z',
    end: '2026-01-31T00:00:00.000Z',
    total: SUMS,
    by_model: [{ model: 'llama3-3-70b', ...SUMS }],
    by_day: [{ day: '2026-01-07', ...SUMS }],
  }
  return refuses(['invalid_query'], {
    tags: ['usage'],
    summary: 'What the caller used: requests that reached an enclave, their tokens, and their cost in US dollars.',
    description:
      'Of the `requests`, the tokens of `estimated` are an estimate, for want of a statement of the enclave.',
    parameters: (['Start', 'End'] as const).map(parameter),
    responses: {
      200: {
        description: 'Sums over the range, by model and by UTC day.',
        headers: headers(LIMIT_HEADERS),
        content: {
          'application/json': { schema: { type: 'object', required: Object.keys(properties), properties }, example },
        },
      },
    },
  })
}
