import type { Ending } from './exchange.ts'
import { METERED } from './routes.ts'

/** Milliseconds in an hour. */
export const HOUR_MS = 3_600_000
/** Milliseconds in a UTC day: no leap second is ever seen. */
export const DAY_MS = 24 * HOUR_MS

// Twelve decimals of a dollar: sums of such whole numbers are exact, and pass 2^53 at nine thousand dollars.
const DECIMALS = 12

/** US dollars with twelve decimals as a whole number of 10⁻¹². */
export const picoOf = (dollars: string): bigint => BigInt(dollars.replace('.', ''))

/** A whole number of 10⁻¹² US dollars as a decimal number without zeros at its end. */
export function dollarsOf(pico: bigint): string {
  const digits = String(pico).padStart(DECIMALS + 1, '0')
  return `${digits.slice(0, -DECIMALS)}.${digits.slice(-DECIMALS)}`.replace(/\.?0+$/, '')
}

/** What a request counts among, in every figure that is told of it. */
export function countedAs({ route, status, ending }: { route: string; status: number; ending: Ending }) {
  return {
    /** Went wrong: answered with a 5xx, or broken by the upstream. */
    errors: Number(status >= 500 || ending === 'failed'),
    /** Was left by its client before the end, or given up for them. */
    cut: Number(ending === 'cancelled'),
    /** Came to an answer of those that cost tokens, whole or not. */
    responses: Number(METERED.has(route) && status < 400),
  }
}
