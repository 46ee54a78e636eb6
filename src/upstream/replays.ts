import { createHmac, randomBytes } from 'node:crypto'

const KEPT_MS = 600_000
const MOST = 1_000_000

/** The encapsulated keys that were handed to an enclave of late: each is good for one request. */
export interface Replays {
  /** Remembers a key; false if it was there already. */
  remember(encapsulatedKey: string): boolean
  /** Forgets a key that no enclave has used. */
  forget(encapsulatedKey: string): void
}

/**
 * Remembers keys for ten minutes, a million at most, the oldest out first; as 64-bit keyed hashes, so that nobody can
 * choose two that collide. HPKE's base mode has no protection of its own (RFC 9180 section 9.7.3). Per process.
 */
export function replays(now: () => number): Replays {
  const key = randomBytes(32)
  const seen = new Map<bigint, number>()
  const tagOf = (encapsulatedKey: string) =>
    createHmac('sha256', key).update(encapsulatedKey).digest().readBigUInt64LE()

  function expire(): void {
    for (const [tag, at] of seen) {
      if (seen.size <= MOST && now() - at < KEPT_MS) return
      seen.delete(tag)
    }
  }

  return {
    remember: encapsulatedKey => {
      const tag = tagOf(encapsulatedKey)
      const at = seen.get(tag)
      if (at !== undefined && now() - at < KEPT_MS) return false
      seen.delete(tag)
      seen.set(tag, now())
      expire()
      return true
    },
    forget: encapsulatedKey => void seen.delete(tagOf(encapsulatedKey)),
  }
}
