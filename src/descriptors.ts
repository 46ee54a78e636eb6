import { readdirSync, readFileSync } from 'node:fs'

// A stream holds two: the client's connection and the upstream's.
const PER_STREAM = 2
// For the issuer's keys, the enclave's key, and whoever asks after our health.
const SPARE = 8

// Bun itself raises the soft limit to the hard one as it starts; test/attacks/descriptors.test.ts holds it to that.
/** How many streams at once this process has descriptors for; infinitely many where the system does not tell. */
export function streamsThatFit(): number {
  try {
    const limit = Number(
      /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Number.POSITIVE_INFINITY,
    )
    return Math.max(0, Math.floor((limit - SPARE - readdirSync('/proc/self/fd').length) / PER_STREAM))
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
