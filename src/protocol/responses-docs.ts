import { type Answer, type Detail, headers, parameter, refuses } from './openapi.ts'
import { LIMIT_HEADERS } from './openapi-words.ts'

interface ResponseRoute {
  readonly method: 'GET' | 'POST'
  readonly path: `/v1/responses/:id${string}`
  /** What it is for, as the documentation says it. */
  readonly what: string
  /** An answer. */
  readonly gives: object
}

const ID = 'resp_0123456789abcdef0123456789abcdef'
const ONE = '/v1/responses/:id'
const response = { id: ID, object: 'response', status: 'completed', model: 'm', output: [] }
const item = {
  ...{ id: 'msg_1', type: 'message', role: 'user', status: 'completed' },
  content: [{ type: 'input_text', text: 'Hello' }],
}

/** What is handed on of the responses that a backend keeps, one line each. */
export const RESPONSE_ROUTES = [
  {
    ...{ method: 'GET', path: ONE, gives: response },
    what: 'One of your responses; with `?stream=true` as a stream of events.',
  },
  {
    ...{ method: 'POST', path: `${ONE}/cancel`, gives: { ...response, status: 'cancelled' } },
    what: 'Ends a response that is made in the background.',
  },
  {
    ...{ method: 'GET', path: `${ONE}/input_items`, what: 'What one of your responses was given.' },
    gives: { object: 'list', data: [item], first_id: item.id, last_id: item.id, has_more: false },
  },
] as const satisfies readonly ResponseRoute[]

const CODES = [
  'not_found',
  'upstream_overloaded',
  'upstream_unreachable',
  'upstream_malformed',
  'upstream_credentials',
  'upstream_timeout',
] as const
const ANSWERED = headers([...LIMIT_HEADERS, 'X-Sealgate-Body', 'X-Sealgate-Backend', 'X-Upstream-Request-Id'])

/** What is said of a route that is handed on. */
export function responseDetail({ what, gives }: ResponseRoute): Detail {
  return said(['sealed_body_refused', ...CODES], what, {
    description: 'The answer of the backend, byte for byte; whatever the query asks of it, it is asked.',
    content: { 'application/json': { schema: { type: 'object' }, example: gives } },
  })
}

/** What is said of the deletion of a response. */
export function responseRemovalDetail(): Detail {
  return said(CODES, 'A response deleted; one that is gone already counts as deleted.', {
    description: 'It is gone.',
    content: {
      'application/json': { schema: { type: 'object' }, example: { id: ID, object: 'response', deleted: true } },
    },
  })
}

function said(codes: Parameters<typeof refuses>[0], summary: string, answer: Answer): Detail {
  return refuses(codes, {
    tags: ['responses'],
    summary,
    parameters: [parameter('ResponseId')],
    responses: {
      200: { ...answer, headers: ANSWERED },
      default: { description: 'Any other answer of the backend: its own status and body.', headers: ANSWERED },
    },
  })
}
