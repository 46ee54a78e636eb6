import { type Detail, headers, parameter, refuses } from './openapi.ts'
import { LIMIT_HEADERS } from './openapi-words.ts'

const ENTRY = {
  type: 'object',
  required: ['id', 'at', 'admin', 'action', 'about', 'details'],
  properties: {
    id: { type: 'string' },
    at: { type: 'string', format: 'date-time' },
    admin: { type: 'string', description: 'The id of who did it, as an owner.' },
    action: { type: 'string' },
    about: { type: 'string', nullable: true, description: 'The id of what it was done to.' },
    details: { type: 'object', nullable: true, description: 'What was given; of a prompt no more than that it was.' },
  },
}
const LISTED = {
  type: 'object',
  required: ['entries', 'limit', 'offset', 'total'],
  properties: {
    entries: { type: 'array', items: ENTRY },
    limit: { type: 'integer' },
    offset: { type: 'integer' },
    total: { type: 'integer' },
  },
}
const SHOWN = {
  id: '019b76da0c000123456789abcdef',
  at: '2026-01-01T00:00:00.000Z',
  admin: `u_${'0f'.repeat(16)}`,
  action: 'models.change',
  about: 'stand-in-small',
  details: { public: true, system_prompt: 'set' },
}

/** What is said of the list of what administrators changed. */
export function auditDetail(): Detail {
  return refuses(['invalid_query'], {
    tags: ['administration'],
    summary: 'What administrators changed, the latest first, in pages.',
    description:
      'Each entry was written together with its change: there is none of both, or both. None is ever taken out.',
    parameters: (['PageLimit', 'Offset'] as const).map(parameter),
    responses: {
      200: {
        description: 'A page, and how many there are in all.',
        headers: headers(LIMIT_HEADERS),
        content: {
          'application/json': { schema: LISTED, example: { entries: [SHOWN], limit: 20, offset: 0, total: 1 } },
        },
      },
    },
  })
}

/** What is said of taking back the key of a login. */
export function revokeDetail(): Detail {
  return refuses(['not_found', 'invalid_query'], {
    tags: ['administration'],
    summary: 'Forgets the key that this gateway logged in for: the next request to that backend logs in for another.',
    description:
      'At once here, and within five seconds everywhere. The backend is not told: end the old key there too. A 404 where the gateway does not log in.',
    responses: { 204: { description: 'Forgotten.', headers: headers(LIMIT_HEADERS) } },
  })
}
