import { Problem } from '../protocol/problem.ts'
import type { Answer } from './received.ts'

/** Hosts that said that they are overloaded, left alone for a moment. */
export interface Cooldown {
  /** @throws Problem `upstream_overloaded` with `Retry-After`, while an origin cools. */
  check(origin: string): void
  /** Takes note of an answer: a 503 that says when to come back cools its origin, and no other answer does. */
  heed(origin: string, answer: Pick<Answer, 'statusCode' | 'headers'>): void
}

// Longer, and one host's word would keep everybody away from it.
const MOST_MS = 5000

/**
 * Keeps new requests from an origin for as long as its 503 asks, 5 s at most; a clock that steps back cools nobody longer.
 * Tells of each origin that begins to cool.
 */
export function cooldown(now: () => number, began: (origin: string) => void = () => undefined): Cooldown {
  const cooling = new Map<string, { at: number; ms: number }>()

  /** Milliseconds that an origin still cools; one that does not is forgotten. */
  function left(origin: string): number {
    const { at, ms } = cooling.get(origin) ?? { at: 0, ms: 0 }
    const age = now() - at
    if (age >= 0 && age < ms) return ms - age
    cooling.delete(origin)
    return 0
  }

  return {
    check: origin => {
      if (cooling.size === 0) return
      const ms = left(origin)
      if (ms > 0) throw overloaded(Math.ceil(ms / 1000))
    },
    heed: (origin, { statusCode, headers }) => {
      if (statusCode !== 503) return
      const ms = Math.min(retryAfterMs(headers['retry-after'] ?? '', now()), MOST_MS)
      // Clients name these hosts: whoever has cooled down goes.
      for (const other of cooling.keys()) left(other)
      const before = left(origin)
      if (ms <= before) return
      cooling.set(origin, { at: now(), ms })
      if (before === 0) began(origin)
    },
  }
}

/** What `Retry-After` asks for: seconds, or one of HTTP's three dates (RFC 9110 sections 10.2.3 and 5.6.7); 0 if unreadable. */
function retryAfterMs(value: string, now: number): number {
  const text = value.trim()
  if (/^\d+(\.\d*)?$/.test(text)) return Number(text) * 1000
  // All three begin with a day's name; the oldest names no zone and means UTC. Date.parse alone takes any number for a date.
  if (!/^[a-z]{3}/i.test(text)) return 0
  const date = Date.parse(/ GMT$/i.test(text) ? text : `${text} GMT`)
  return date > now ? date - now : 0
}

function overloaded(seconds: number): Problem {
  return new Problem('upstream_overloaded', `The upstream is overloaded: try again in ${seconds} s.`, {
    headers: { 'retry-after': String(seconds) },
  })
}
