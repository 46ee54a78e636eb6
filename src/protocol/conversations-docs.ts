import { type Detail, headers, parameter, refuses } from './openapi.ts'
import { LIMIT_HEADERS } from './openapi-words.ts'

interface ConversationRoute {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'DELETE'
  readonly path: `/v1/${string}`
  /** What it is for, as the documentation says it. */
  readonly what: string
  /** A body, where it takes one. */
  readonly takes?: Readonly<Record<string, unknown>>
  /** An answer. */
  readonly gives?: object
}

const ID = 'conv_0123456789abcdef0123456789abcdef'
const ONE = '/v1/conversations/:id'
const conversation = { id: ID, object: 'conversation', created_at: 0, metadata: { title: 'Hello' } }
const item = {
  ...{ id: 'msg_1', type: 'message', role: 'user', status: 'completed' },
  content: [{ type: 'input_text', text: 'Hello' }],
}
const items = { object: 'list', data: [item], first_id: item.id, last_id: item.id, has_more: false }

/** What is handed on of what a backend keeps for callers, one line each. */
export const CONVERSATION_ROUTES = [
  { method: 'GET', path: '/v1/model/list', what: 'Models, with what they cost.', gives: { models: [] } },
  { method: 'HEAD', path: '/v1/model/list', what: 'The headers of that list.' },
  { method: 'GET', path: ONE, what: 'One of your conversations.', gives: conversation },
  {
    ...{ method: 'POST', path: ONE, what: 'Changes what is noted about a conversation.' },
    ...{ takes: { metadata: { title: 'Hello' } }, gives: conversation },
  },
  {
    ...{ method: 'POST', path: `${ONE}/items`, what: 'Adds items to a conversation.', gives: items },
    takes: { items: [{ type: 'message', role: 'user', content: 'Hello' }] },
  },
  { method: 'GET', path: `${ONE}/items`, what: 'The items of a conversation.', gives: items },
  { method: 'GET', path: `${ONE}/items/:item`, what: 'One item of a conversation.', gives: item },
  { method: 'DELETE', path: `${ONE}/items/:item`, what: 'Removes an item.', gives: conversation },
  { method: 'POST', path: `${ONE}/pin`, what: 'Pins a conversation.', gives: conversation },
  { method: 'DELETE', path: `${ONE}/pin`, what: 'Unpins a conversation.', gives: conversation },
  { method: 'POST', path: `${ONE}/archive`, what: 'Archives a conversation.', gives: conversation },
  { method: 'DELETE', path: `${ONE}/archive`, what: 'Takes a conversation out of the archive.', gives: conversation },
] as const satisfies readonly ConversationRoute[]

const UPSTREAM = [
  'sealed_body_refused',
  'upstream_unreachable',
  'upstream_malformed',
  'upstream_credentials',
  'upstream_timeout',
  'upstream_overloaded',
] as const
const BODY = ['malformed_json', 'body_too_large', 'request_stalled'] as const
const ANSWERED = headers([...LIMIT_HEADERS, 'X-Sealgate-Body', 'X-Sealgate-Backend', 'X-Upstream-Request-Id'])
const OTHER = {
  description: "Any other answer of the backend: its own status and body; 502 where it refused the operator's key.",
  headers: ANSWERED,
}

/** What is said of a route that is handed on. */
export function conversationDetail({ path, what, ...route }: ConversationRoute): Detail {
  const { takes, gives } = route
  const params = [...path.matchAll(/:(id|item)\b/g)].map(([, name]) => (name === 'id' ? 'ConversationId' : 'ItemId'))
  const codes = [...UPSTREAM, ...(takes ? BODY : [])] as const
  return refuses(params.length > 0 ? [...codes, 'not_found'] : codes, {
    tags: ['conversations'],
    summary: what,
    parameters: params.map(parameter),
    ...(takes && {
      requestBody: {
        description: 'A JSON object without a key twice, sent on byte for byte; what it names must be yours.',
        required: true,
        content: { 'application/json': { schema: schemaOf(takes), example: takes } },
      },
    }),
    responses: {
      200: {
        description: 'The answer of the backend, byte for byte; whatever the query asks of it, it is asked.',
        headers: ANSWERED,
        ...(gives && { content: { 'application/json': { schema: { type: 'object' }, example: gives } } }),
      },
      default: OTHER,
    },
  })
}

function schemaOf(body: Readonly<Record<string, unknown>>) {
  const shape = (value: unknown) =>
    Array.isArray(value) ? { type: 'array', items: { type: 'object' }, minItems: 1 } : { type: 'object' }
  const properties = Object.fromEntries(Object.entries(body).map(([name, value]) => [name, shape(value)]))
  return { type: 'object', required: Object.keys(body), properties }
}

/** What is said of the list of a caller's conversations. */
export function conversationsDetail(): Detail {
  const entries = { type: 'array', items: { type: 'object' } }
  const id = { type: 'string', nullable: true }
  const properties = {
    object: { type: 'string', enum: ['list'] },
    ...{ data: entries, first_id: id, last_id: id, has_more: { type: 'boolean' } },
  }
  const page = { type: 'object', required: Object.keys(properties), properties }
  const example = { object: 'list', data: [conversation], first_id: ID, last_id: ID, has_more: false }
  return refuses([...UPSTREAM, 'invalid_query', 'not_found'], {
    tags: ['conversations'],
    summary: 'Your conversations, the last used first.',
    description:
      'Each as the backend tells it; those that it has no longer are left out and forgotten. With ' +
      '`Accept: application/vnd.chat-api+json` it is all of them, as a bare array without a query.',
    parameters: (['Limit', 'After', 'Order'] as const).map(parameter),
    responses: {
      200: {
        description: 'A page of them, or the bare array.',
        headers: headers([...LIMIT_HEADERS, 'X-Sealgate-Backend']),
        content: { 'application/json': { schema: { anyOf: [page, entries] }, example } },
      },
      default: OTHER,
    },
  })
}
