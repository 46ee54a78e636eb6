import { type Answer, type Detail, headers, parameter, refuses } from './openapi.ts'
import { LIMIT_HEADERS } from './openapi-words.ts'
import type { ProblemCode } from './problem.ts'

const ID = 'conv_0123456789abcdef0123456789abcdef'
const CONVERSATION = { id: ID, object: 'conversation', created_at: 0, metadata: {} }
const PASSED = headers([...LIMIT_HEADERS, 'X-Sealgate-Body', 'X-Sealgate-Backend', 'X-Upstream-Request-Id'])
const ASKED = ['upstream_overloaded', 'upstream_unreachable', 'upstream_malformed', 'upstream_timeout'] as const
const READ = ['sealed_body_refused', 'malformed_json', 'not_found', 'request_stalled', 'body_too_large'] as const
const CREDENTIALS: readonly ProblemCode[] = ['upstream_credentials']

/** What is said of the creation of a conversation. */
export function creationDetail(): Detail {
  return made('A new conversation, which is the caller’s when the answer says its id.')
}

/** What is said of the clone of one. */
export function cloneDetail(): Detail {
  const { parameters = [], ...said } = made('A copy of a conversation of the caller’s, which is the caller’s too.')
  return { ...said, parameters: [parameter('ConversationId'), ...parameters] }
}

/** What is said of the deletion of one. */
export function removalDetail(): Detail {
  return refuses([...ASKED, ...CREDENTIALS, 'not_found'], {
    tags: ['conversations'],
    summary: 'A conversation deleted; one that is gone already counts as deleted.',
    parameters: [parameter('ConversationId')],
    responses: {
      200: answer('It is gone.', { id: ID, object: 'conversation.deleted', deleted: true }),
      default: { description: 'Any other answer of the backend: its own status and body.', headers: PASSED },
    },
  })
}

function made(summary: string): Detail {
  return refuses([...ASKED, ...CREDENTIALS, ...READ], {
    tags: ['conversations'],
    summary,
    parameters: [parameter('IdempotencyKey')],
    requestBody: {
      description: 'What the backend is asked for, byte for byte; what it names must be the caller’s.',
      required: false,
      content: { 'application/json': { schema: { type: 'object' }, example: { metadata: { title: 'One' } } } },
    },
    responses: {
      201: answer('As the backend answers.', CONVERSATION),
      default: { description: 'Any other answer of the backend: its own status and body.', headers: PASSED },
    },
  })
}

function answer(description: string, example: object): Answer {
  return { description, headers: PASSED, content: { 'application/json': { schema: { type: 'object' }, example } } }
}
