import { type Detail, headers, parameter, refuses } from './openapi.ts'
import { LIMIT_HEADERS } from './openapi-words.ts'

const SETTINGS = {
  type: 'object',
  properties: { public: { type: 'boolean' }, system_prompt: { type: 'string' } },
  required: ['public'],
}
const MODEL = {
  type: 'object',
  required: ['model_id', 'settings'],
  properties: { model_id: { type: 'string' }, settings: SETTINGS },
}
const SHOWN = { model_id: 'stand-in-small', settings: { public: true, system_prompt: 'Be brief.' } }

const LISTED = {
  type: 'object',
  required: ['models', 'limit', 'offset', 'total'],
  properties: {
    models: { type: 'array', items: MODEL },
    limit: { type: 'integer' },
    offset: { type: 'integer' },
    total: { type: 'integer' },
  },
}

const CHANGES = ['malformed_json', 'invalid_body', 'body_too_large', 'request_stalled'] as const
const ASKED = ['upstream_overloaded', 'upstream_credentials', 'upstream_unreachable', 'upstream_malformed'] as const

/** What is said of the rules about models. */
export function rulesDetail(method: 'GET' | 'PATCH'): Detail {
  const passed = { headers: headers(LIMIT_HEADERS) }
  if (method === 'GET')
    return refuses(['invalid_query'], {
      tags: ['administration'],
      summary: 'What is ruled about models, in pages; of any other model there is nothing.',
      parameters: (['PageLimit', 'Offset'] as const).map(parameter),
      responses: {
        200: {
          description: 'A page, and how many there are in all.',
          ...passed,
          content: {
            'application/json': { schema: LISTED, example: { models: [SHOWN], limit: 20, offset: 0, total: 1 } },
          },
        },
      },
    })
  const example = {
    'stand-in-small': { public: true, system_prompt: 'Be brief.' },
    'stand-in-large': { public: false },
  }
  return refuses(['invalid_query', ...CHANGES, ...ASKED, 'upstream_timeout'], {
    tags: ['administration'],
    summary: 'Rules about models, by their ids.',
    description:
      'What is left out stays, `null` takes it back. Of a model that is not `public` no open body is sent on; a `system_prompt` of 65,536 bytes at most, all together of 1,048,576, goes before what a client says in chats and responses. Sealed bodies cannot be read, and so not ruled about. In force at once here, and within five seconds everywhere.',
    parameters: [parameter('Force')],
    requestBody: {
      description: 'A map of models: all of it is done, or nothing.',
      required: true,
      content: { 'application/json': { schema: { type: 'object' }, example } },
    },
    responses: {
      200: {
        description: 'What is ruled about these now.',
        ...passed,
        content: { 'application/json': { schema: { type: 'array', items: MODEL }, example: [SHOWN] } },
      },
    },
  })
}

/** What is said of taking back all that is ruled about a model. */
export function ruleDetail(): Detail {
  return refuses(['not_found', 'invalid_query'], {
    tags: ['administration'],
    summary: 'Takes back all that is ruled about a model.',
    parameters: [parameter('ModelId')],
    responses: { 204: { description: 'Done.', headers: headers(LIMIT_HEADERS) } },
  })
}
