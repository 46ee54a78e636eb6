import { type Answer, type Detail, headers, parameter, refuses } from './openapi.ts'
import { LIMIT_HEADERS } from './openapi-words.ts'

const ID = 'file-01234567-89ab-cdef-0123-456789abcdef'
const FILE = { object: 'file', id: ID, bytes: 5, created_at: 0, filename: 'hello.txt', purpose: 'user_data' }
const OPEN = ['sealed_body_refused'] as const
const ASKED = [
  ...OPEN,
  'upstream_overloaded',
  'upstream_unreachable',
  'upstream_malformed',
  'upstream_timeout',
  'upstream_credentials',
] as const
const PASSED = headers([...LIMIT_HEADERS, 'X-Sealgate-Body', 'X-Sealgate-Backend', 'X-Upstream-Request-Id'])
const OTHER = {
  description: "Any other answer of the backend: its own status and body; 502 where it refused the operator's key.",
  headers: PASSED,
}
const tags = ['files']

/** What is said of an upload. */
export function uploadDetail(): Detail {
  const properties = {
    file: { type: 'string', format: 'binary' },
    purpose: { type: 'string' },
  }
  return refuses([...ASKED, 'invalid_body', 'request_stalled', 'body_too_large'], {
    tags,
    summary: 'A file, which is the caller’s when the answer says its id.',
    parameters: [parameter('IdempotencyKey')],
    requestBody: {
      description: 'A form, handed on byte for byte while it comes; as long as `MAX_FILE_BYTES` at most.',
      required: true,
      content: {
        'multipart/form-data': {
          schema: { type: 'object', required: Object.keys(properties), properties },
          example: { file: '(bytes)', purpose: FILE.purpose },
        },
      },
    },
    responses: { 200: answer('As the backend answers.', FILE, PASSED), default: OTHER },
  })
}

/** What is said of the list of a caller's files. */
export function filesDetail(): Detail {
  const id = { type: 'string' }
  const properties = {
    object: { type: 'string', enum: ['list'] },
    ...{ data: { type: 'array', items: { type: 'object' } }, first_id: id, last_id: id, has_more: { type: 'boolean' } },
  }
  const required = ['object', 'data', 'has_more']
  const example = { object: 'list', data: [FILE], first_id: ID, last_id: ID, has_more: false }
  return refuses([...OPEN, 'invalid_query', 'not_found'], {
    tags,
    summary: 'Your files, the last made first.',
    description: 'As they were when they came: the backend is not asked.',
    parameters: (['FileLimit', 'After', 'FileOrder', 'Purpose'] as const).map(parameter),
    responses: {
      200: {
        description: 'A page of them.',
        headers: headers(LIMIT_HEADERS),
        content: { 'application/json': { schema: { type: 'object', required, properties }, example } },
      },
    },
  })
}

/** What is said of one file. */
export function fileDetail(): Detail {
  return refuses([...OPEN, 'not_found'], {
    tags,
    summary: 'What is known of one of your files, as it was when it came.',
    parameters: [parameter('FileId')],
    responses: { 200: answer('The file, without its content.', FILE, headers(LIMIT_HEADERS)) },
  })
}

/** What is said of a file's content. */
export function contentDetail(): Detail {
  return refuses([...ASKED, 'not_found'], {
    tags,
    summary: 'What is in one of your files.',
    parameters: [parameter('FileId')],
    responses: {
      200: {
        description: 'Its bytes, with the media type and the disposition that the backend tells.',
        headers: { ...PASSED, ...headers(['X-Content-Type-Options']) },
      },
      default: OTHER,
    },
  })
}

/** What is said of the deletion of one. */
export function removalDetail(): Detail {
  return refuses([...ASKED, 'not_found'], {
    tags,
    summary: 'A file deleted; one that is gone already counts as deleted.',
    parameters: [parameter('FileId')],
    responses: { 200: answer('It is gone.', { id: ID, object: 'file', deleted: true }, PASSED), default: OTHER },
  })
}

function answer(description: string, example: object, headers: Answer['headers'] = {}): Answer {
  return { description, headers, content: { 'application/json': { schema: { type: 'object' }, example } } }
}
