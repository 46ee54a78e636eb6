import { createHmac } from 'node:crypto'

/** The member of a request by which Tinfoil parts its prompt cache. */
export const CACHE_SECRET = 'user_cache_secret'

/** HMAC-SHA256 of the owner under a key of its own, in hex: a caller has always the same, and no other caller's. */
export function cacheSecretOf(cacheKey: Uint8Array, owner: string): string {
  return createHmac('sha256', cacheKey).update(owner).digest('hex')
}
