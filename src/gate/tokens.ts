import { ownerOf, type Principal } from '../protocol/principal.ts'
import { type Expected, parseJws, readClaims, tokenProblem } from '../protocol/token.ts'
import type { KeySet } from './keyset.ts'
import { memory } from './memory.ts'

const REMEMBERED_MS = 300_000

interface Deps {
  keys: KeySet
  identityKey: Uint8Array
  expected: Expected
  now: () => number
}

/** Tells whose JWT this is; at once if it was verified a moment ago. */
export type Tokens = (token: string) => Principal | Promise<Principal>

/** Refuses every JWT: for a gateway that knows nobody who signs any. */
export const noTokens: Tokens = () => {
  throw tokenProblem('token_unknown_key', 'No token service is configured here: sign in, or use an API key.')
}

/**
 * The verifier of JWTs. A verified token is remembered by its SHA-256 until it expires, for five minutes at most, or
 * until the key set changes or is too old: the signature is the dearest step of a request (about 100 µs).
 */
export function tokens({ keys, identityKey, expected, now }: Deps): Tokens {
  const remembered = memory<Principal>(now)
  let generation = keys.generation

  async function verify(token: string, digest: string): Promise<Principal> {
    const jws = parseJws(token)
    const judgedUnder = keys.generation
    const key = await keys.find(jws.kid)
    if (!(await isSigned(key, jws.signature, jws.signed)))
      throw tokenProblem('token_bad_signature', 'Bad signature: the token was not signed by the key it names.')
    const claims = readClaims(jws.payload, expected, now() / 1000)
    const { scopes, client } = claims
    const owner = ownerOf(identityKey, claims.issuer, claims.subject)
    const principal: Principal = { kind: 'jwt', owner, scopes, client }
    if (keys.generation === judgedUnder)
      remembered.set(digest, principal, Math.min(claims.expires * 1000, now() + REMEMBERED_MS))
    return principal
  }

  return token => {
    const digest = Bun.SHA256.hash(token, 'base64')
    if (generation !== keys.generation) {
      remembered.forget()
      generation = keys.generation
    }
    const known = remembered.get(digest)
    // A key set that is too old vouches for nothing, and so neither does the memory of what it vouched for.
    if (known && keys.isReady()) return known
    remembered.drop(digest)
    return verify(token, digest)
  }
}

/** Whether this is the key's ES256 signature (r ‖ s, 64 bytes; RFC 7518 section 3.4) of these bytes. */
export function isSigned(key: CryptoKey, signature: Uint8Array, signed: Uint8Array): Promise<boolean> {
  return crypto.subtle.verify(
    { name: 'ECDSA', hash: 'SHA-256' },
    key,
    new Uint8Array(signature),
    new Uint8Array(signed),
  )
}
