import { fromBase64Url } from './base64url.ts'
import { Problem, type ProblemCode } from './problem.ts'

const MAX_TOKEN_LENGTH = 8192
const SKEW_SECONDS = 30
const MAX_SUBJECT_BYTES = 255
const TYPES = new Set(['jwt', 'at+jwt', 'application/at+jwt'])

/** A compact JWS taken apart; nothing in it is believed yet. */
export interface Jws {
  readonly kid: string
  readonly signed: Uint8Array
  readonly signature: Uint8Array
  readonly payload: Uint8Array
}

/** What a verified token says. */
export interface Claims {
  readonly issuer: string | null
  readonly subject: string
  /** Seconds since the epoch. */
  readonly expires: number
  readonly scopes: ReadonlySet<string>
  readonly client: string | undefined
}

/** What a token must be meant for; an absent rule accepts any. */
export interface Expected {
  readonly issuer: string | undefined
  readonly audiences: readonly string[]
}

/**
 * A 401 that says what is wrong with the token, never the token. RFC 6750 section 3: a request that carried no token
 * gets the bare challenge.
 */
export function tokenProblem(code: ProblemCode, message: string, cause?: unknown): Problem {
  const challenge = code === 'token_missing' ? 'Bearer' : 'Bearer error="invalid_token"'
  return new Problem(code, message, { headers: { 'www-authenticate': challenge }, cause })
}

/**
 * The bearer token of an `Authorization` header (RFC 6750 section 2.1). Two headers arrive joined by a comma; another
 * scheme carries no token.
 */
export function bearerToken(authorization: string | null): string {
  if (!authorization) throw tokenProblem('token_missing', 'No token: send an "Authorization: Bearer <token>" header.')
  if (!/\bbearer\b/i.test(authorization))
    throw tokenProblem(
      'token_missing',
      'No bearer token: the Authorization header is of another scheme, send "Bearer".',
    )
  const match = /^bearer +([^ ,]+)$/i.exec(authorization)
  if (match?.[1] === undefined)
    throw tokenProblem('token_malformed', 'Malformed Authorization header: exactly one "Bearer <token>" is expected.')
  return match[1]
}

/** Takes a compact ES256 JWS apart by RFC 7515 section 5.2, more strictly: one spelling, no extensions, no key hints followed. */
export function parseJws(token: string): Jws {
  const malformed = (why: string) => tokenProblem('token_malformed', `Malformed token: ${why}.`)
  if (token.length > MAX_TOKEN_LENGTH) throw malformed(`longer than ${MAX_TOKEN_LENGTH} bytes`)
  const parts = token.split('.')
  if (parts.length !== 3) throw malformed('three parts separated by dots are expected')
  const [header, payload, signature] = parts.map(fromBase64Url)
  if (!header || !payload || !signature) throw malformed('a part is not canonical base64url')
  const fields = parseObject(header)
  if (!fields) throw malformed('its header is not a JSON object')
  if (fields['alg'] !== 'ES256') throw malformed('only alg ES256 is accepted')
  const typ = fields['typ']
  if (typ !== undefined && !(typeof typ === 'string' && TYPES.has(typ.toLowerCase())))
    throw malformed('typ must be absent, JWT or at+jwt')
  if ('crit' in fields || 'b64' in fields) throw malformed('crit and b64 are not understood')
  const kid = fields['kid']
  if (typeof kid !== 'string' || kid === '') throw malformed('kid must be a non-empty string')
  if (signature.length !== 64)
    throw tokenProblem('token_bad_signature', 'Bad signature: an ES256 signature has 64 bytes.')
  return { kid, signature, payload, signed: Buffer.from(token.slice(0, token.lastIndexOf('.'))) }
}

/** Reads and checks the claims of a token whose signature is good (RFC 7519 section 4.1). `now` in seconds. */
export function readClaims(payload: Uint8Array, expected: Expected, now: number): Claims {
  const claims = parseObject(payload)
  if (!claims) throw malformedClaims('they are not a JSON object')
  checkTimes(claims, now)
  checkIssuer(claims, expected.issuer)
  checkAudience(claims, expected.audiences)
  const { iss, sub, exp, client_id, azp } = claims
  if (typeof sub !== 'string' || sub === '' || Buffer.byteLength(sub) > MAX_SUBJECT_BYTES)
    throw malformedClaims(`sub must be a non-empty string of at most ${MAX_SUBJECT_BYTES} bytes`)
  const client = [client_id, azp].find(name => typeof name === 'string')
  return {
    issuer: typeof iss === 'string' ? iss : null,
    subject: sub,
    expires: Number(exp),
    scopes: readScopes(claims['scope']),
    client,
  }
}

function checkTimes({ exp, nbf, iat }: Record<string, unknown>, now: number): void {
  if (typeof exp !== 'number' || !Number.isFinite(exp)) throw malformedClaims('exp must be a finite number')
  for (const [name, at] of Object.entries({ nbf, iat })) {
    if (at === undefined) continue
    if (typeof at !== 'number' || !Number.isFinite(at)) throw malformedClaims(`${name} must be a finite number`)
    if (at > now + SKEW_SECONDS) throw tokenProblem('token_not_yet_valid', `Token not valid yet: ${name} lies ahead.`)
  }
  if (exp + SKEW_SECONDS <= now) throw tokenProblem('token_expired', 'Token expired: sign in again or refresh it.')
}

function checkIssuer({ iss }: Record<string, unknown>, issuer: string | undefined): void {
  if (iss !== undefined && typeof iss !== 'string') throw malformedClaims('iss must be a string')
  if (issuer !== undefined && iss !== issuer)
    throw tokenProblem('token_wrong_issuer', 'Wrong issuer: this gateway does not accept tokens of this iss.')
}

function checkAudience({ aud }: Record<string, unknown>, audiences: readonly string[]): void {
  const named = aud === undefined ? [] : Array.isArray(aud) ? aud : [aud]
  if (!named.every(name => typeof name === 'string'))
    throw malformedClaims('aud must be a string or an array of strings')
  if (audiences.length > 0 && !named.some(name => audiences.includes(name)))
    throw tokenProblem('token_wrong_audience', 'Wrong audience: this token is not meant for this gateway.')
}

function readScopes(scope: unknown): ReadonlySet<string> {
  if (scope === undefined) return new Set()
  if (typeof scope === 'string') return new Set(scope.split(' ').filter(Boolean))
  if (Array.isArray(scope) && scope.every(name => typeof name === 'string')) return new Set(scope)
  throw malformedClaims('scope must be a string or an array of strings')
}

function malformedClaims(why: string): Problem {
  return tokenProblem('token_malformed', `Malformed claims: ${why}.`)
}

/** A JSON object in UTF-8, or `null`; the parser's own words quote what they parse and are dropped. */
function parseObject(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
  } catch {
    return null
  }
}
