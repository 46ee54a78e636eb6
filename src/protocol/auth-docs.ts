import { type Detail, headers, refuses } from './openapi.ts'
import { LIMIT_HEADERS } from './openapi-words.ts'

const BODY = ['invalid_body', 'malformed_json', 'body_too_large', 'request_stalled', 'client_gone'] as const
const SESSION_ID = '00000000-0000-4000-8000-000000000001'

/** What is said of the way out. */
export function logoutDetail(): Detail {
  return refuses([...BODY, 'not_found'], {
    tags: ['accounts'],
    summary: 'Ends a session: the one that asks, or another of the same user.',
    requestBody: {
      description: 'Which; without a body, the one that asks.',
      required: false,
      content: {
        'application/json': {
          schema: { type: 'object', properties: { session_id: { type: 'string', format: 'uuid' } } },
          example: { session_id: SESSION_ID },
        },
      },
    },
    responses: { 204: { description: 'It has ended.', headers: headers(LIMIT_HEADERS) } },
  })
}

/** What is said of the sign-in of dev mode. */
export function mockLoginDetail(): Detail {
  const text = { type: 'string' }
  const told = {
    session_token: { type: 'string', pattern: '^sess_[0-9a-f]{32}$' },
    session_id: { type: 'string', format: 'uuid' },
    expires_at: { type: 'string', format: 'date-time' },
    user_id: { type: 'string', format: 'uuid' },
    is_new_user: { type: 'boolean' },
  }
  return refuses([...BODY, 'not_found', 'database_unavailable'], {
    tags: ['accounts'],
    summary: 'Signs in as anybody: in dev mode, from this machine.',
    requestBody: {
      description: 'Who; a user of that address is made where there is none.',
      required: true,
      content: {
        'application/json': {
          schema: { type: 'object', required: ['email'], properties: { email: text, name: text, avatar_url: text } },
          example: { email: 'ada@example.com', name: 'Ada' },
        },
      },
    },
    responses: {
      200: {
        description: 'A session. Its token is told here only.',
        content: {
          'application/json': {
            schema: { type: 'object', required: Object.keys(told), properties: told },
            example: {
              session_token: `sess_${'0f'.repeat(16)}`,
              session_id: SESSION_ID,
              expires_at: '2026-02-01T12:00:00.000Z',
              user_id: '00000000-0000-4000-8000-000000000002',
              is_new_user: true,
            },
          },
        },
      },
    },
  })
}
