import { type Detail, headers, parameter, refuses } from './openapi.ts'
import { LIMIT_HEADERS } from './openapi-words.ts'

const CONFIG = { type: 'object', properties: { default_model: { type: 'string', maxLength: 255 } } }
const EXAMPLE = { default_model: 'stand-in-small' }

const CHANGES = ['malformed_json', 'invalid_body', 'body_too_large', 'request_stalled'] as const
const ASKED = ['upstream_overloaded', 'upstream_credentials', 'upstream_unreachable', 'upstream_malformed'] as const

const telling = (description: string, schema: object) => ({
  200: {
    description,
    headers: headers(LIMIT_HEADERS),
    content: { 'application/json': { schema, example: EXAMPLE } },
  },
})

/** What is said of what front ends are told. */
export function toldDetail(): Detail {
  return refuses(['invalid_query'], {
    tags: ['accounts'],
    summary: 'What the operator tells front ends: the model to begin with.',
    description: 'Told and no more: a request is answered by the model that it names. `null` while nothing is set.',
    responses: telling('What is told.', { ...CONFIG, nullable: true }),
  })
}

/** The same for whoever administers. */
export function configDetail(method: 'GET' | 'PATCH'): Detail {
  const tags = ['administration']
  const responses = telling('What is told now.', CONFIG)
  if (method === 'GET') return refuses(['invalid_query'], { tags, summary: 'What front ends are told.', responses })
  return refuses(['invalid_query', ...CHANGES, ...ASKED, 'upstream_timeout'], {
    tags,
    summary: 'Changes what front ends are told.',
    description:
      'What is left out stays, `null` takes it back; the model must be on a backend’s list. Told at once here, and within five seconds everywhere.',
    parameters: [parameter('Force')],
    requestBody: {
      description: 'What is to be changed.',
      required: true,
      content: {
        'application/json': {
          schema: { ...CONFIG, properties: { default_model: { ...CONFIG.properties.default_model, nullable: true } } },
          example: EXAMPLE,
        },
      },
    },
    responses,
  })
}
