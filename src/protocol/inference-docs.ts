import { CACHE_SECRET } from './cache-secret.ts'
import { KEYS_MEDIA_TYPE } from './ehbp.ts'
import { type Detail, headers, parameter, refuses } from './openapi.ts'
import { LIMIT_HEADERS, TOKEN_HEADERS } from './openapi-words.ts'
import { FORMS, type INFERENCE, type InferencePath, METERED, MODELS, PROMPTED, RESPONSES } from './routes.ts'

interface Shown {
  /** A body, where the route takes one. */
  readonly body?: Readonly<Record<string, unknown>>
  /** An answer; none where it is binary. */
  readonly answer?: unknown
  /** Whether the answer may be a stream of events. */
  readonly streams?: true
}

const MODEL = 'llama3-3-70b'
const MESSAGES = [{ role: 'user', content: 'Hello' }]
const TOKENS = { object: 'response.input_tokens', input_tokens: 8 }

const SHOWN: Readonly<Record<InferencePath, Shown>> = {
  '/v1/models': { answer: { object: 'list', data: [{ id: MODEL, object: 'model', created: 0, owned_by: 'tinfoil' }] } },
  '/v1/chat/completions': {
    body: { model: MODEL, messages: MESSAGES, stream: true },
    streams: true,
    answer: {
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 0,
      model: MODEL,
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hello!' }, finish_reason: 'stop' }],
    },
  },
  '/v1/chat/completions/input_tokens': { body: { model: MODEL, messages: MESSAGES }, answer: TOKENS },
  '/v1/responses': {
    body: { model: MODEL, input: 'Hello' },
    streams: true,
    answer: { id: 'resp_1', object: 'response', status: 'completed', model: MODEL, output: [] },
  },
  '/v1/responses/input_tokens': { body: { model: MODEL, input: 'Hello' }, answer: TOKENS },
  '/v1/completions': {
    body: { model: MODEL, prompt: 'Once upon' },
    streams: true,
    answer: { id: 'cmpl-1', object: 'text_completion', model: MODEL, choices: [{ index: 0, text: ' a time' }] },
  },
  '/v1/embeddings': {
    body: { model: 'nomic-embed-text', input: 'Hello' },
    answer: { object: 'list', data: [{ object: 'embedding', index: 0, embedding: [0.1, -0.2] }] },
  },
  '/v1/audio/transcriptions': {
    body: { file: '(bytes)', model: 'whisper-large-v3-turbo' },
    answer: { text: 'Hello' },
  },
  '/v1/audio/speech': { body: { model: 'kokoro', input: 'Hello', voice: 'af_sky' } },
  '/v1/convert/file': { body: { files: '(bytes)' }, answer: { status: 'success' } },
}

const SEAL = 'Sealed by EHBP unless the operator allows plaintext; what stands here is what is sealed.'
const UNREAD = 'The gateway does not read it: who answers judges it.'
const READ =
  'Of an open one the gateway reads that it is a JSON object without a key twice; on its way to an enclave it gets `user_cache_secret` if it has none.'
const NAMING =
  "Where an open one goes to a backend that keeps things, it is a JSON object without a key twice, and may name what is the caller's own and nothing else."

/** What is said of a forwarded route. */
export function forwardedDetail({ method, path, what, ...route }: (typeof INFERENCE)[number]): Detail {
  const cached = 'cached' in route
  const posted = method === 'POST'
  const metered = METERED.has(path)
  const form = FORMS.has(path)
  const shown: Shown = SHOWN[path]
  const passed = headers([
    ...LIMIT_HEADERS,
    ...(metered ? TOKEN_HEADERS : []),
    ...(PROMPTED.has(path) ? RULED : []),
    ...ANSWERED,
  ])
  const sealing = posted ? headers(['Ehbp-Response-Nonce']) : {}
  const description = DESCRIBED.get(path) ?? GIVEN
  const upstream = "Any other answer of the backend: its own status and body; 502 where it refused the operator's key."
  const spends = metered ? (['token_limit_exceeded'] as const) : []
  const taking = posted ? [...SEALED, ...NAMED] : []
  return refuses([...FORWARDED, ...spends, ...taking, ...(posted && !form ? OPEN : [])], {
    tags: ['inference'],
    summary: what,
    parameters: (posted ? [...PASSED, ...SEALING] : PASSED).map(parameter),
    ...(shown.body && {
      requestBody: {
        description: `${SEAL} ${cached ? READ : UNREAD}${form ? '' : ` ${NAMING}`}`,
        required: true,
        content: taken(shown.body, form),
      },
    }),
    responses: {
      200: { description, headers: { ...passed, ...sealing }, ...(method !== 'HEAD' && { content: given(shown) }) },
      default: { description: upstream, headers: passed },
    },
  })
}

const FORWARDED = [
  'enclave_not_allowed',
  'upstream_overloaded',
  'body_too_large',
  'sealed_body_refused',
  'upstream_credentials',
  'upstream_unreachable',
  'upstream_malformed',
  'upstream_timeout',
] as const
const ANSWERED = ['X-Sealgate-Body', 'X-Sealgate-Backend', 'X-Upstream-Request-Id'] as const
const RULED = ['X-Sealgate-Instructions-SHA256'] as const
const SEALED = ['sealed_body_required', 'request_stalled', 'replayed_request', 'enclave_downgrade'] as const
// Of open bodies alone.
const NAMED = ['model_not_available', 'invalid_body'] as const
// Of a backend that keeps things; an open prompt for an enclave is read too.
const OPEN = ['malformed_json', 'reference_not_supported', 'not_found'] as const
const GIVEN = 'The answer of the backend, byte for byte; sealed if the request was.'
const TOLD =
  'The answer of the backend, byte for byte; of two backends one list of both, each model with `x_sealgate_backend`: `tinfoil` or `openai`.'
const DESCRIBED: ReadonlyMap<string, string> = new Map([
  [MODELS, TOLD],
  [RESPONSES, `${GIVEN} One of a backend that keeps things is the caller's when it says its id.`],
])
const PASSED = ['EnclaveUrl', 'IdempotencyKey', 'Events', 'Model', 'CachePrefix', 'Seal'] as const
const SEALING = ['EncapsulatedKey'] as const

function taken(body: Readonly<Record<string, unknown>>, form: boolean) {
  const properties = Object.fromEntries(Object.entries(body).map(([name, value]) => [name, schemaOf(value)]))
  const required = Object.keys(body).filter(name => name !== 'stream')
  const schema = { type: 'object', required, properties }
  return { [form ? 'multipart/form-data' : 'application/json']: { schema, example: body } }
}

function schemaOf(value: unknown): object {
  if (value === '(bytes)') return { type: 'string', format: 'binary' }
  if (Array.isArray(value)) return { type: 'array', items: { type: 'object' }, minItems: 1 }
  return { type: typeof value }
}

function given({ answer, streams }: Shown) {
  if (answer === undefined) return { 'audio/mpeg': { schema: { type: 'string', format: 'binary' } } }
  const whole = { 'application/json': { schema: { type: 'object' }, example: answer } }
  if (!streams) return whole
  return { ...whole, 'text/event-stream': { schema: { type: 'string' }, example: 'data: {…}\n\ndata: [DONE]\n\n' } }
}

const CALLED_OUT = ['upstream_unreachable', 'upstream_malformed', 'upstream_timeout'] as const

/** What is said of the enclave's key configuration. */
export function hpkeKeysDetail(): Detail {
  return refuses(CALLED_OUT, {
    tags: ['trust'],
    summary: "The enclave's HPKE key configuration, kept for 5 s at most; not authenticated by the gateway.",
    responses: {
      200: {
        description: 'The key configuration of EHBP, byte for byte.',
        content: { [KEYS_MEDIA_TYPE]: { schema: { type: 'string', format: 'binary' } } },
      },
    },
  })
}

/** What is said of the attestation bundle. */
export function attestationDetail(): Detail {
  return refuses(CALLED_OUT, {
    tags: ['trust'],
    summary: 'The attestation bundle, byte for byte, kept for 10 s at most: clients verify it themselves.',
    responses: {
      200: {
        description: 'The bundle.',
        headers: headers(LIMIT_HEADERS),
        content: { 'application/json': { schema: { type: 'object' }, example: { domain: 'inference.tinfoil.sh' } } },
      },
    },
  })
}

/** What is said of a caller's cache secret. */
export function cacheSecretDetail(): Detail {
  const properties = { [CACHE_SECRET]: { type: 'string', pattern: '^[0-9a-f]{64}$' } }
  const description =
    "The caller's own, the same each time; for sealed bodies, as their member `user_cache_secret`. Open ones get it added."
  return refuses([], {
    tags: ['inference'],
    summary: 'A secret that keeps what a caller asked out of the timing of others.',
    responses: {
      200: {
        description,
        headers: headers(LIMIT_HEADERS),
        content: {
          'application/json': {
            schema: { type: 'object', required: [CACHE_SECRET], properties },
            example: { [CACHE_SECRET]: '0f'.repeat(32) },
          },
        },
      },
    },
  })
}
