import { type Answer, type Detail, headers, parameter, refuses } from './openapi.ts'
import { LIMIT_HEADERS } from './openapi-words.ts'

const BODY = ['invalid_body', 'malformed_json', 'body_too_large', 'request_stalled', 'client_gone'] as const
const CALLS = ['upstream_unreachable', 'upstream_malformed', 'upstream_timeout'] as const
const text = { type: 'string' }

const object = (properties: Readonly<Record<string, object>>) => {
  return { type: 'object', required: Object.keys(properties), properties }
}
const json = (description: string, schema: object, example: object): Answer => {
  return { description, headers: headers(LIMIT_HEADERS), content: { 'application/json': { schema, example } } }
}
const sent = (description: string): Answer => ({ description, headers: headers(['Location', ...LIMIT_HEADERS]) })

/** What is said of the list of providers. */
export function providersDetail(): Detail {
  const provider = object({ id: text, name: text, url: text })
  const example = { providers: [{ id: 'google', name: 'Google', url: 'https://gate.example.com/v1/auth/google' }] }
  const schema = object({ providers: { type: 'array', items: provider } })
  return refuses([], {
    tags: ['accounts'],
    summary: 'By whom one may sign in.',
    responses: { 200: json('All of them, each with the path where signing in begins.', schema, example) },
  })
}

/** What is said of the beginning of a sign-in, by the provider's name. */
export function startDetail(provider: string): Detail {
  return refuses(['invalid_query', ...CALLS], {
    tags: ['accounts'],
    summary: `Signs in with ${provider}: for a browser to go to.`,
    description: 'What the query holds beside these parameters is ignored.',
    parameters: [parameter('FrontendCallback'), parameter('CodeChallenge'), parameter('CodeChallengeMethod')],
    responses: { 302: sent('To the provider. The cookie that comes along knows this browser again, for ten minutes.') },
  })
}

/** What is said of the way back. */
export function callbackDetail(): Detail {
  return refuses(['sign_in_failed'], {
    tags: ['accounts'],
    summary: 'Where providers send the browser back to.',
    parameters: [parameter('State')],
    responses: {
      302: sent(
        "To `/auth/callback` below the frontend's callback: with a `code` for 60 seconds; with `error`, a code of this page, and `error_description`; or with a session, `token`, `session_id`, `expires_at` and `is_new_user`, where the operator allows that and no challenge was brought.",
      ),
    },
  })
}

/** What is said of the exchange of a code. */
export function tokenDetail(): Detail {
  const verifier = { ...text, pattern: '^[A-Za-z0-9._~-]{43,128}$' }
  return refuses([...BODY, 'sign_in_failed'], {
    tags: ['accounts'],
    summary: 'Exchanges the code of a sign-in for its session; a code that comes again ends that session.',
    requestBody: {
      description: 'The code, and the verifier whose challenge the sign-in began with.',
      required: true,
      content: {
        'application/json': {
          schema: object({ code: { ...text, pattern: '^[A-Za-z0-9_-]{43}$' }, code_verifier: verifier }),
          example: { code: 'c'.repeat(43), code_verifier: 'v'.repeat(43) },
        },
      },
    },
    responses: {
      200: json(
        'A session. Its token is told here only.',
        object({
          token: { ...text, pattern: '^sess_[0-9a-f]{32}$' },
          session_id: { ...text, format: 'uuid' },
          expires_at: { ...text, format: 'date-time' },
          is_new_user: { type: 'boolean' },
        }),
        {
          token: `sess_${'0f'.repeat(16)}`,
          session_id: '00000000-0000-4000-8000-000000000001',
          expires_at: '2026-02-01T12:00:00.000Z',
          is_new_user: true,
        },
      ),
    },
  })
}
