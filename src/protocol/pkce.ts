import { createHash, randomBytes } from 'node:crypto'
import { fromBase64Url } from './base64url.ts'

/** 256 random bits in base64url: a state, a nonce, a code, or a verifier (RFC 7636 section 4.1). */
export function newSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** The challenge of a verifier by the method S256 (RFC 7636 section 4.2). */
export function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url')
}

/** Whether a text may be a challenge of the method S256: 32 bytes, in the one spelling that they have in base64url. */
export function isChallenge(text: string): boolean {
  return fromBase64Url(text)?.length === 32
}

/** Whether a text may be a verifier (RFC 7636 section 4.1): what is shorter could be guessed from its challenge. */
export function isVerifier(text: string): boolean {
  return /^[A-Za-z0-9._~-]{43,128}$/.test(text)
}
