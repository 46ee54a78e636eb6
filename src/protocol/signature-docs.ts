import { type Detail, headers, parameter, refuses } from './openapi.ts'
import { LIMIT_HEADERS } from './openapi-words.ts'

const CODES = [
  'not_found',
  'upstream_overloaded',
  'upstream_unreachable',
  'upstream_malformed',
  'upstream_timeout',
] as const

/** What is said of the signatures under answers. */
export function signatureDetail(): Detail {
  const text = { type: 'string' }
  const properties = { text, signature: text, signing_address: text, signing_algo: text }
  const example = {
    text: `${'0f'.repeat(32)}:${'f0'.repeat(32)}`,
    signature: '0x…',
    signing_address: '0x…',
    signing_algo: 'ecdsa',
  }
  return refuses(CODES, {
    tags: ['trust'],
    summary: "The backend's signature under the SHA-256 of a question and of its answer.",
    description: 'Only for open answers that this caller was given; of any other id it is a 404.',
    parameters: (['ChatId', 'SignedModel', 'SigningAlgo'] as const).map(parameter),
    responses: {
      200: {
        description: 'The answer of the backend, byte for byte.',
        headers: headers([...LIMIT_HEADERS, 'X-Sealgate-Backend', 'X-Upstream-Request-Id']),
        content: { 'application/json': { schema: { type: 'object', properties }, example } },
      },
      default: {
        description: 'Any other answer of the backend: its own status and body.',
        headers: headers(LIMIT_HEADERS),
      },
    },
  })
}
