import { type Detail, headers, refuses } from './openapi.ts'
import { LIMIT_HEADERS } from './openapi-words.ts'
import type { Passage } from './passages.ts'

const CODES = [
  'malformed_json',
  'invalid_body',
  'reference_not_supported',
  'sealed_body_refused',
  'model_not_available',
  'not_found',
  'body_too_large',
  'request_stalled',
  'upstream_overloaded',
  'upstream_credentials',
  'upstream_unreachable',
  'upstream_malformed',
  'upstream_timeout',
] as const

/** What is said of a route that an operator lets through. */
export function passageDetail({ method, path }: Passage): Detail {
  const names = [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => name)
  const answered = headers([...LIMIT_HEADERS, 'X-Sealgate-Body', 'X-Sealgate-Backend', 'X-Upstream-Request-Id'])
  const whole = { schema: { type: 'object' }, example: {} }
  return refuses(CODES, {
    tags: ['passed through'],
    summary: `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}, as the backend has it.`,
    parameters: names.map(name => ({
      ...{ name, in: 'path', required: true, description: 'The id of something of yours.' },
      schema: { type: 'string' },
    })),
    ...(method !== 'GET' &&
      method !== 'DELETE' && {
        requestBody: {
          description:
            'A JSON object without a key twice, which may name what is yours and nothing else; or a form, which may name nothing that is stored.',
          required: false,
          content: { 'application/json': whole, 'multipart/form-data': whole },
        },
      }),
    responses: {
      200: { description: 'The answer of the backend, byte for byte.', headers: answered },
      default: { description: 'Any other answer of the backend: its own status and body.', headers: answered },
    },
  })
}
