import type { ClusterFaultCode } from './cluster.ts'
import type { BackendName, Ending, Route } from './exchange.ts'
import type { RequestId } from './ids.ts'
import { Problem, type ProblemCode } from './problem.ts'
import type { TraceId } from './trace.ts'

export const LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type Level = (typeof LEVELS)[number]

/** Everything the log can speak of. */
export type Event =
  | 'listening'
  | 'few_descriptors'
  | 'metrics_on'
  | 'metrics_failed'
  | 'no_tee'
  | 'frontend_loaded'
  | 'request'
  | 'stream'
  | 'keys_loaded'
  | 'keys_failed'
  | 'sweep_failed'
  | 'slots_failed'
  | 'ledger_failed'
  | 'refund_failed'
  | 'credentials_failed'
  | 'deletion_failed'
  | 'signed_in'
  | 'sign_in_failed'
  | 'prune_failed'
  | 'reconcile_failed'
  | 'making_lost'
  | 'models_failed'
  | 'report_failed'
  | 'collateral_failed'
  | 'executable_failed'
  | 'vpc_login'
  | 'vpc_login_failed'
  | 'tls_renewed'
  | 'tls_kept'
  | 'primary_found'
  | 'primary_changed'
  | 'cluster_failed'
  | 'supervising'
  | 'worker_died'
  | 'workers_failed'
  | 'draining'
  | 'cut'
  | 'owner_cut'
  | 'stopped'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
export type Method = (typeof METHODS)[number] | 'OTHER'

declare const ownerTag: unique symbol
/** The first eight hex digits of an owner: enough to follow a caller through the log, not enough to be one. */
export type OwnerTag = string & { readonly [ownerTag]: true }

declare const fault: unique symbol
/** An error as the log may name it: class, code and place, never its message. */
export type Fault = string & { readonly [fault]: true }

declare const providerTag: unique symbol
/** A sign-in provider's id, as the program or its operator chose it. */
export type ProviderTag = string & { readonly [providerTag]: true }

/** What an OAuth provider may say is wrong: RFC 6749 sections 4.1.2.1 and 5.2, and GitHub in words of its own. */
const OAUTH_ERRORS = [
  'access_denied',
  'bad_verification_code',
  'incorrect_client_credentials',
  'invalid_client',
  'invalid_grant',
  'invalid_request',
  'invalid_scope',
  'redirect_uri_mismatch',
  'server_error',
  'temporarily_unavailable',
  'unauthorized_client',
  'unsupported_grant_type',
  'unsupported_response_type',
] as const
export type OAuthError = (typeof OAUTH_ERRORS)[number]

/** What is wrong with a certificate and its key. */
export type TlsFaultCode = 'unreadable' | 'malformed' | 'mismatch' | 'too_early' | 'expired' | 'agent'

/** All that may stand on a line: ids, counts, times and codes. Words that came from outside have no type here. */
export interface Fields {
  request?: RequestId
  trace?: TraceId
  method?: Method
  route?: Route | 'none'
  status?: number
  ms?: number
  owner?: OwnerTag
  code?: ProblemCode
  provider?: ProviderTag
  backend?: BackendName
  oauth_error?: OAuthError
  /** Whether a sign-in made its user. */
  is_new?: boolean
  fault?: Fault
  bytes?: number
  first_byte_ms?: number
  ending?: Ending
  keys?: number
  rows?: number
  streams?: number
  files?: number
  /** Files of a folder that are not served. */
  left_out?: number
  port?: number
  workers?: number
  /** Which of them, from 0. */
  worker?: number
  /** A process's exit code: above 128 that, and the signal that ended it. */
  exit?: number
  deaths?: number
  tls?: TlsFaultCode
  /** Why a cluster of PostgreSQL has no primary to use. */
  cluster?: ClusterFaultCode
  /** How often a standby was promoted before this primary, and one more. */
  timeline?: number
  /** Whole days that a certificate is good for. */
  days?: number
}

/** Writes one line. */
export type Log = (level: Level, event: Event, fields?: Fields) => void

export function methodOf(method: string): Method {
  return METHODS.find(known => known === method) ?? 'OTHER'
}

export function ownerTagOf(owner: string): OwnerTag {
  return owner.slice(2, 10) as OwnerTag
}

export function providerTagOf({ id }: { readonly id: string }): ProviderTag {
  return (/^[a-z0-9-]{1,40}$/.test(id) ? id : 'other') as ProviderTag
}

/** What a provider said is wrong, where the error that tells of it has a code of the standard's as its `error`. */
export function oauthErrorOf(error: unknown): OAuthError | undefined {
  if (!(error instanceof Error && 'error' in error)) return undefined
  return OAUTH_ERRORS.find(known => known === error.error)
}

/**
 * Names an error by class, code and the innermost frame of its stack, and so its causes. Messages are left out: those
 * of parsers and drivers quote what they were given.
 */
export function faultOf(error: unknown, causes = 4): Fault {
  if (!(error instanceof Error)) return typeof error as Fault
  const name = /^\w{1,40}$/.test(error.name) ? error.name : 'Error'
  const code =
    'code' in error && typeof error.code === 'string' && /^\w{1,60}$/.test(error.code) ? `/${error.code}` : ''
  const place = /^\s+at .*?([\w.$-]+:\d+):\d+\)?$/m.exec(framesOf(error))?.[1]
  const cause = error.cause === undefined || causes === 0 ? '' : ` < ${faultOf(error.cause, causes - 1)}`
  return `${name}${code}${place ? `@${place}` : ''}${cause}` as Fault
}

/** What a line says of an error: the code of a Problem, else where a fault of ours is. */
export function wordsOf(error: unknown): Pick<Fields, 'code' | 'fault'> {
  return error instanceof Problem ? { code: error.code } : { fault: faultOf(error) }
}

/** A stack begins with the message, and a message may have lines that look like frames. */
function framesOf({ stack = '', message }: Error): string {
  const at = stack.indexOf(message)
  return at < 0 ? '' : stack.slice(at + message.length)
}
