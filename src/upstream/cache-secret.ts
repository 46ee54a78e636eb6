import { CACHE_SECRET, cacheSecretOf } from '../protocol/cache-secret.ts'
import type { Exchange } from '../protocol/exchange.ts'
import { readObject, withMember } from '../protocol/json.ts'
import type { Body } from './body.ts'
import { bodyOf, readWhole } from './whole.ts'

interface Deps {
  /** The key of the role `cache`. */
  cacheKey: Uint8Array
  /** Milliseconds without a byte of its body after which a client is given up. */
  stallMs: number
}

/** An open prompt on its way up. */
export interface CacheSecrets {
  /**
   * The whole body with its caller's cache secret, and its length; as it came if it has one of its own, whatever it is.
   * @throws Problem `malformed_json`, `body_too_large`, `request_stalled` or `client_gone`
   */
  added(body: Body | null, exchange: Exchange): Promise<{ body: Body; length: number }>
}

/** Puts each caller's own secret into open prompts: without it, all who share our key share Tinfoil's prompt cache. */
export const cacheSecrets = ({ cacheKey, stallMs }: Deps): CacheSecrets => ({
  added: async (body, { principal }) => {
    const bytes = await readWhole(body, stallMs)
    const object = await readObject(bytes, [CACHE_SECRET])
    if (object.members[CACHE_SECRET]) return bodyOf([bytes])
    return bodyOf(withMember(bytes, object, CACHE_SECRET, cacheSecretOf(cacheKey, principal?.owner ?? '')))
  },
})
