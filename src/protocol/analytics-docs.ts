import { type Detail, headers, parameter, refuses } from './openapi.ts'
import { LIMIT_HEADERS } from './openapi-words.ts'

const PERIOD = { period_start: '2026-01-01T00:00:00.000Z', period_end: '2026-01-31T00:00:00.000Z' }

/** What is said of the overview. */
export function overviewDetail(): Detail {
  return detail({
    summary: 'How many users there are, and what they did in a period.',
    description:
      '`total_users` are those of now, `new_users` those of them that were made in the period, `active_users` those who sent a request that reached a backend, signed in or made something in it. `total_responses` are requests of chat, responses, completions and embeddings that were answered with less than 400; whatever else is counted is as old as activity is kept.',
    parameters: [],
    example: {
      ...PERIOD,
      user_metrics: { total_users: 12, new_users: 2, active_users: 7, total_logins: 9, total_signups: 2 },
      activity_metrics: { total_responses: 120, total_conversations: 8, total_file_uploads: 1 },
      by_auth_method: [{ auth_method: 'google', user_count: 5, login_count: 9, signup_count: 2 }],
    },
  })
}

/** What is said of the busiest callers. */
export function topUsersDetail(): Detail {
  return detail({
    summary: 'Who sent the most requests that reached a backend in a period.',
    description: 'A caller with a JWT is no user of the gateway: of theirs there is the `owner` alone.',
    parameters: [parameter('TopLimit')],
    example: {
      ...PERIOD,
      users: [
        {
          owner: 'u_0f0f0f0f0f0f4f0f8f0f0f0f0f0f0f0f',
          user_id: '0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f',
          email: 'ada@example.com',
          activity_count: 42,
          last_active: '2026-01-30T12:00:00.000Z',
        },
      ],
    },
    nullable: ['user_id', 'email', 'last_active'],
  })
}

/** What is said of the series. */
export function seriesDetail(): Detail {
  return detail({
    summary: 'What all callers used in a period, by the UTC hour or day.',
    description:
      'Of the `requests` that reached a backend, `errors` were answered with a 5xx or broken by the backend, and `cut` were left by their client, or given up for them; one may be both. `cost` is in US dollars, `callers` are as many as there were. An hour or a day without requests is a row of zeros; 1000 rows at most.',
    parameters: [parameter('Bucket')],
    example: {
      bucket: 'day',
      rows: [
        {
          ...{ at: '2026-01-07T00:00:00.000Z', requests: 120, errors: 1, cut: 3 },
          ...{ prompt_tokens: 7200, completion_tokens: 4800, cost: '0.0123', callers: 7 },
        },
      ],
    },
  })
}

interface Said {
  summary: string
  description: string
  parameters: NonNullable<Detail['parameters']>
  example: object
  nullable?: readonly string[]
}

function detail({ summary, description, parameters, example, nullable = [] }: Said): Detail {
  return refuses(['invalid_query'], {
    tags: ['administration'],
    summary,
    description,
    parameters: [parameter('PeriodStart'), parameter('PeriodEnd'), ...parameters],
    responses: {
      200: {
        description: 'Counted exactly, `start` in it and `end` not.',
        headers: headers(LIMIT_HEADERS),
        content: { 'application/json': { schema: schemaOf(example, nullable), example } },
      },
    },
  })
}

/** The schema of what looks like the example. */
function schemaOf(example: unknown, nullable: readonly string[]): object {
  if (typeof example === 'string') return { type: 'string' }
  if (typeof example === 'number') return { type: 'integer', minimum: 0 }
  if (Array.isArray(example)) return { type: 'array', items: schemaOf(example[0], nullable) }
  const properties = Object.fromEntries(
    Object.entries(example ?? {}).map(([name, it]) => {
      const schema = schemaOf(it, nullable)
      return [name, nullable.includes(name) ? { ...schema, nullable: true } : schema]
    }),
  )
  return { type: 'object', required: Object.keys(properties), properties }
}
