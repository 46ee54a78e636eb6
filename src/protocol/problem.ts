/**
 * Every refusal this gateway can utter: its code, HTTP status and OpenAI error type, on one page.
 * A new way to fail is a new row here.
 */
const PROBLEMS = {
  malformed_target: { status: 400, type: 'invalid_request_error' },
  sealed_body_required: { status: 400, type: 'invalid_request_error' },
  sealed_body_refused: { status: 400, type: 'invalid_request_error' },
  enclave_not_allowed: { status: 400, type: 'invalid_request_error' },
  malformed_header: { status: 400, type: 'invalid_request_error' },
  malformed_host: { status: 400, type: 'invalid_request_error' },
  invalid_body: { status: 400, type: 'invalid_request_error' },
  reference_not_supported: { status: 400, type: 'invalid_request_error' },
  malformed_json: { status: 400, type: 'invalid_request_error' },
  invalid_query: { status: 400, type: 'invalid_request_error' },
  malformed_length: { status: 400, type: 'invalid_request_error' },
  token_missing: { status: 401, type: 'authentication_error' },
  token_malformed: { status: 401, type: 'authentication_error' },
  token_expired: { status: 401, type: 'authentication_error' },
  token_not_yet_valid: { status: 401, type: 'authentication_error' },
  token_wrong_issuer: { status: 401, type: 'authentication_error' },
  token_wrong_audience: { status: 401, type: 'authentication_error' },
  token_unknown_key: { status: 401, type: 'authentication_error' },
  session_not_found: { status: 401, type: 'authentication_error' },
  session_expired: { status: 401, type: 'authentication_error' },
  key_not_found: { status: 401, type: 'authentication_error' },
  key_expired: { status: 401, type: 'authentication_error' },
  sign_in_failed: { status: 401, type: 'authentication_error' },
  token_bad_signature: { status: 401, type: 'authentication_error' },
  insufficient_scope: { status: 403, type: 'permission_error' },
  access_denied: { status: 403, type: 'permission_error' },
  email_unverified: { status: 403, type: 'permission_error' },
  session_required: { status: 403, type: 'permission_error' },
  account_restricted: { status: 403, type: 'permission_error' },
  admin_required: { status: 403, type: 'permission_error' },
  model_not_available: { status: 403, type: 'permission_error' },
  not_found: { status: 404, type: 'invalid_request_error' },
  method_not_allowed: { status: 405, type: 'invalid_request_error' },
  request_stalled: { status: 408, type: 'invalid_request_error' },
  replayed_request: { status: 409, type: 'invalid_request_error' },
  too_many_keys: { status: 409, type: 'invalid_request_error' },
  body_too_large: { status: 413, type: 'invalid_request_error' },
  range_not_satisfiable: { status: 416, type: 'invalid_request_error' },
  receipt_not_ready: { status: 425, type: 'invalid_request_error' },
  rate_limited: { status: 429, type: 'rate_limit_error' },
  token_limit_exceeded: { status: 429, type: 'rate_limit_error' },
  concurrent_limit_exceeded: { status: 429, type: 'rate_limit_error' },
  client_gone: { status: 499, type: 'invalid_request_error' },
  internal: { status: 500, type: 'server_error' },
  upstream_unreachable: { status: 502, type: 'server_error' },
  upstream_malformed: { status: 502, type: 'server_error' },
  upstream_credentials: { status: 502, type: 'server_error' },
  enclave_downgrade: { status: 502, type: 'server_error' },
  agent_failed: { status: 502, type: 'server_error' },
  quote_mismatch: { status: 502, type: 'server_error' },
  keys_unavailable: { status: 503, type: 'server_error' },
  database_unavailable: { status: 503, type: 'server_error' },
  overloaded: { status: 503, type: 'server_error' },
  upstream_overloaded: { status: 503, type: 'server_error' },
  not_ready: { status: 503, type: 'server_error' },
  not_in_a_tee: { status: 503, type: 'server_error' },
  agent_unavailable: { status: 503, type: 'server_error' },
  upstream_timeout: { status: 504, type: 'server_error' },
  agent_timeout: { status: 504, type: 'server_error' },
} as const satisfies Record<string, { status: number; type: string }>

export type ProblemCode = keyof typeof PROBLEMS

/** Every code, in the order of the page. */
export const PROBLEM_CODES = Object.keys(PROBLEMS) as readonly ProblemCode[]

/** The HTTP status that goes with a code. */
export const statusOf = (code: ProblemCode): number => PROBLEMS[code].status

/** The OpenAI error type that goes with a code. */
export const typeOf = (code: ProblemCode): string => PROBLEMS[code].type

interface Extras {
  /** Headers the answer must carry, for instance `Retry-After`. */
  headers?: Record<string, string>
  /** The foreign error behind it: for the log, never for a client. */
  cause?: unknown
}

/** The one error class: what a client is told. Whatever else is thrown is `internal` and tells a client nothing. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  readonly headers: Record<string, string>

  constructor(code: ProblemCode, message: string, { headers = {}, cause }: Extras = {}) {
    super(message, { cause })
    this.code = code
    this.headers = headers
  }

  get status(): number {
    return PROBLEMS[this.code].status
  }

  /** The body in the shape OpenAI's SDKs read. */
  toJSON() {
    return { error: { message: this.message, type: PROBLEMS[this.code].type, param: null, code: this.code } }
  }
}
