import { CACHE_SECRET, cacheSecretOf } from '../protocol/cache-secret.ts'
import type { Exchange } from '../protocol/exchange.ts'
import { edited, memberSet, readObject } from '../protocol/json.ts'
import { RULED } from '../protocol/model-rules.ts'
import type { Principal } from '../protocol/principal.ts'
import { CACHED } from '../protocol/routes.ts'
import { shutModels } from '../protocol/shut-models.ts'
import type { Body } from './body.ts'
import { type RulesNow, ruled } from './ruled.ts'
import { bodyOf, readWhole } from './whole.ts'

interface Deps {
  /** The key of the role `cache`. */
  cacheKey: Uint8Array
  /** Milliseconds without a byte of its body after which a client is given up. */
  stallMs: number
  rules: RulesNow
}

/** An open body on its way to an enclave. */
export interface CacheSecrets {
  /**
   * The whole of it as the operator's rules have it, and its length; a prompt with its caller's cache secret, unless it has
   * one of its own, whatever it is.
   * @throws Problem `malformed_json`, `body_too_large`, `request_stalled` or `client_gone`, or as {@link ruled}
   */
  added(body: Body | null, signal: AbortSignal, exchange: Exchange): Promise<{ body: Body; length: number }>
}

/** Puts each caller's own secret into open prompts: without it, all who share our key share Tinfoil's prompt cache. */
export function cacheSecrets({ cacheKey, stallMs, rules }: Deps): CacheSecrets {
  // A principal is remembered for minutes, and a MAC takes 2 % of a request.
  const secrets = new WeakMap<Principal, string>()
  function secretOf({ principal }: Exchange): string {
    const known = principal && secrets.get(principal)
    const secret = known ?? cacheSecretOf(cacheKey, principal?.owner ?? '')
    if (principal && !known) secrets.set(principal, secret)
    return secret
  }

  return {
    added: async (body, signal, exchange) => {
      const bytes = await readWhole(body, signal, stallMs)
      const inForce = await rules()
      const object = await readObject(bytes, [CACHE_SECRET, ...RULED], shutModels(inForce, bytes))
      const edits = ruled(inForce, { bytes, object }, exchange)
      if (object.members[CACHE_SECRET] || !CACHED.has(exchange.route ?? '')) return bodyOf(edited(bytes, edits))
      return bodyOf(edited(bytes, [...edits, memberSet(object, CACHE_SECRET, secretOf(exchange))]))
    },
  }
}
