import { MOMENT } from './moments.ts'

const REQUEST_ID = '00000000-0000-4000-8000-000000000000'

const text = (description: string, example: string) => ({ description, schema: { type: 'string' }, example })
// No examples: Swagger UI would send them as they stand, a seal on an open body among them.
const inHeader = (name: string, description: string, schema: object = { type: 'string' }) => {
  return { name, in: 'header', required: false, description, schema }
}

const inQuery = (name: string, description: string, schema: object = { type: 'string' }) => {
  return { name, in: 'query', required: false, description, schema }
}

const inPath = (name: string, description: string, schema: object = { type: 'string', format: 'uuid' }) => {
  return { name, in: 'path', required: true, description, schema }
}

/** How callers show who they are. */
export const SECURITY = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description:
      "A JWT (ES256) of the operator's sign-in service with the scope `inference`; or a session token or an API key of this gateway's own.",
  },
  session: { type: 'http', scheme: 'bearer', description: 'A session token, `sess_` and 32 hex digits.' },
}

/** Request headers that several operations take, and parameters of their queries. */
export const PARAMETERS = {
  RequestId: inHeader('X-Request-Id', 'An id of yours, if it is a UUID; else one is made.'),
  EncapsulatedKey: inHeader(
    'Ehbp-Encapsulated-Key',
    'There exactly when the body is sealed by EHBP: 64 hex digits. The body is then a sequence of sealed frames.',
    { type: 'string', pattern: '^[0-9a-fA-F]{64}$' },
  ),
  EnclaveUrl: inHeader(
    'X-Tinfoil-Enclave-Url',
    'The enclave that the body was sealed to, as `https://inference.tinfoil.sh`; one of `TINFOIL_ENCLAVE_HOSTS`.',
  ),
  IdempotencyKey: inHeader('Idempotency-Key', 'Goes up as a keyed hash of caller and value: callers never meet.'),
  Events: inHeader('X-Tinfoil-Events', 'Passed on as it is.'),
  Model: inHeader('X-Tinfoil-Model', 'Passed on as it is.'),
  CachePrefix: inHeader('X-Tinfoil-Cache-Prefix', 'Passed on as it is.'),
  Seal: inHeader('X-Tinfoil-Seal', 'Passed on as it is.'),
  Start: inQuery('start', 'Its first moment: a date (UTC midnight), or a date-time of RFC 3339. 30 days before `end`.'),
  End: inQuery('end', 'The first moment after it, written alike. Now.'),
  FrontendCallback: inQuery(
    'frontend_callback',
    'The frontend where the sign-in ends: an absolute URL of an origin that the operator has listed, without a query or a fragment. The one that the operator has set.',
    { type: 'string', maxLength: 2048 },
  ),
  CodeChallenge: inQuery(
    'code_challenge',
    'The SHA-256 of a verifier of 43 to 128 characters, in base64url (RFC 7636, S256). Required, unless the operator lets sessions be told in addresses.',
    { type: 'string', pattern: '^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$' },
  ),
  CodeChallengeMethod: inQuery('code_challenge_method', 'Nothing but `S256`.', { type: 'string', enum: ['S256'] }),
  State: inQuery('state', "What the provider was told, of this browser's own sign-in."),
  SessionId: inPath('id', 'The id of a session.'),
  KeyId: inPath('id', 'The id of an API key.'),
  ReceiptId: inPath('id', 'The `X-Receipt-Id` of an answer.', { type: 'string' }),
  ReceiptAlgo: inQuery('signing_algo', '`ecdsa` adds a signature as Ethereum has them; `ed25519` unless told.', {
    type: 'string',
    enum: ['ed25519', 'ecdsa'],
  }),
  ChatId: inPath('chat_id', 'The `id` that the answer bore.', { type: 'string' }),
  SignedModel: inQuery('model', 'The model that answered.'),
  SigningAlgo: inQuery('signing_algo', 'By which algorithm: `ecdsa` or `ed25519`.'),
  Nonce: inQuery('nonce', 'What shows that the quote is fresh: 32 bytes of yours. One is made unless given.', {
    type: 'string',
    pattern: '^[0-9a-fA-F]{64}$',
  }),
  ReportAlgo: inQuery('signing_algo', 'Which key `signing_address` names; `ed25519` unless told.', {
    type: 'string',
    pattern: '^(ecdsa|ed25519)$',
  }),
  ReportModel: inQuery('model', 'A model whose machines the backend shall attest too.', {
    type: 'string',
    maxLength: 256,
  }),
  SigningAddress: inQuery('signing_address', 'Which of these machines, by its key.', {
    type: 'string',
    pattern: '^(0x)?([0-9a-fA-F]{40}|[0-9a-fA-F]{64})$',
  }),
  ConversationId: inPath('id', 'The id of a conversation of yours, spelled as it was given to you.', {
    type: 'string',
  }),
  ResponseId: inPath('id', 'The id of a response of yours, spelled as it was given to you.', { type: 'string' }),
  ItemId: inPath('item', 'The id of one of its items.', { type: 'string' }),
  Limit: inQuery('limit', 'How many at most, 1 to 1000; 20 unless told.'),
  After: inQuery('after', 'The id that they come after: the `last_id` of the page before.'),
  Order: inQuery('order', '`desc`, the last used first, or `asc`; `desc` unless told.'),
  FileId: inPath('id', 'The id of a file of yours, spelled as it was given to you.', { type: 'string' }),
  FileLimit: inQuery('limit', 'How many at most, 1 to 10000; 10000 unless told.'),
  FileOrder: inQuery('order', '`desc`, the last made first, or `asc`; `desc` unless told.'),
  Purpose: inQuery('purpose', 'Those that were uploaded for this alone.'),
  PageLimit: inQuery('limit', 'How many at most, 1 to 100; 20 unless told.'),
  Offset: inQuery('offset', 'How many are left out before them; 0 unless told.'),
  ActivityOffset: inQuery('offset', 'How many are left out before them, 10000 at most; 0 unless told.'),
  UserId: inPath('id', 'The id of a user.'),
  SoughtUser: inQuery(
    'q',
    "A whole e-mail address that its provider proved, a user's id, or their owner (`u_` and 32 hex digits). What names people is sealed: there is no search by parts.",
  ),
  PeriodStart: {
    ...inQuery('start', `The first moment of the period: ${MOMENT}.`),
    required: true,
    example: '2026-01-01',
  },
  PeriodEnd: { ...inQuery('end', 'The first moment after it, written alike.'), required: true, example: '2026-02-01' },
  TopLimit: inQuery('limit', 'How many at most, 1 to 100; 10 unless told.'),
  Bucket: inQuery('bucket', '`hour` or `day`; `day` unless told.', { type: 'string', enum: ['hour', 'day'] }),
  Force: inQuery('force', '`true`: whether or not a backend lists the models; `false` unless told.'),
  OwnerId: inPath('owner', 'The id of an owner: `u_` or `j_` and 32 hex digits.', {
    type: 'string',
    pattern: '^[uj]_[0-9a-f]{32}$',
  }),
  ModelId: inPath('rest', 'The id of a model; a `/` in it is written plainly.', { type: 'string' }),
} as const

/** Answer headers. */
export const HEADERS = {
  Location: text('Where to go on.', 'https://app.example.com/auth/callback'),
  'X-Request-Id': text('Finds this request in the log.', REQUEST_ID),
  'X-Protocol-Version': text('The version of what is described here.', '1'),
  'WWW-Authenticate': text('Which token is missing, or what is wrong with the one that came.', 'Bearer'),
  'Retry-After': text('Seconds after which it is worth another try.', '2'),
  'Retry-After-Ms': text('The same in milliseconds.', '1500'),
  'X-RateLimit-Limit-Requests': text('Requests a minute.', '60'),
  'X-RateLimit-Remaining-Requests': text('Requests that may follow at once.', '9'),
  'X-RateLimit-Reset-Requests': text('When the bucket is full again.', '1s'),
  'X-RateLimit-Limit-Tokens': text('Tokens a day (UTC), where the operator sets such a limit.', '100000'),
  'X-RateLimit-Remaining-Tokens': text('Tokens left for today, by what was known when the request came.', '99000'),
  'X-RateLimit-Reset-Tokens': text('When the next day begins.', '3h12m7s'),
  'X-Should-Retry': text('`false` where another try will not help for now.', 'false'),
  'X-Sealgate-Body': text('Whether the request was `sealed` or `plaintext`.', 'sealed'),
  'X-Sealgate-Backend': text('Who answered: `tinfoil`, `openai`, or of a list of models both.', 'tinfoil'),
  'X-Sealgate-Instructions-SHA256': text(
    "The SHA-256, in hex, of the operator's own prompt, which was put before what the request said.",
    '0f'.repeat(32),
  ),
  'X-Receipt-Id': text(
    'Under `/v1/receipts` the receipt of this request is kept; absent where a limit refused it.',
    `rcpt_${'0f'.repeat(32)}`,
  ),
  'X-Upstream-Request-Id': text("The backend's own id of this request.", 'req-1'),
  'X-Content-Type-Options': text('What is said of its media type is meant.', 'nosniff'),
  'Ehbp-Response-Nonce': text('There exactly when the answer is sealed: 64 hex digits.', '0f'.repeat(32)),
}

/** The name of an answer header, as it is written. */
export type HeaderName = keyof typeof HEADERS

/** Headers of every answer of a limited route that got so far. */
export const LIMIT_HEADERS: readonly HeaderName[] = [
  'X-RateLimit-Limit-Requests',
  'X-RateLimit-Remaining-Requests',
  'X-RateLimit-Reset-Requests',
]

/** Headers of every answer of a route that costs tokens, where there is a limit for them. */
export const TOKEN_HEADERS: readonly HeaderName[] = [
  'X-RateLimit-Limit-Tokens',
  'X-RateLimit-Remaining-Tokens',
  'X-RateLimit-Reset-Tokens',
]

/** Headers of every answer. */
export const ALWAYS: readonly HeaderName[] = ['X-Request-Id', 'X-Protocol-Version']
/** Headers that some statuses bring along. */
export const BROUGHT: Readonly<Record<string, readonly HeaderName[]>> = {
  401: ['WWW-Authenticate'],
  403: ['WWW-Authenticate', 'Retry-After'],
  425: ['Retry-After'],
  429: ['Retry-After', 'Retry-After-Ms', 'X-Should-Retry', ...LIMIT_HEADERS],
  503: ['Retry-After'],
}
