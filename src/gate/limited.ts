import { Elysia } from 'elysia'
import { neighbourhood } from '../protocol/addresses.ts'
import type { Exchange } from '../protocol/exchange.ts'
import { refuses } from '../protocol/openapi.ts'
import { addressOwnerOf } from '../protocol/principal.ts'
import { Problem } from '../protocol/problem.ts'
import type { Limiter, Verdict } from './limiter.ts'

interface Deps {
  /** Counts requests by caller; absent when that limit is off. */
  callers: Limiter | undefined
  /** Counts requests by address. */
  addresses: Limiter
  identityKey: Uint8Array
  exchangeOf: (request: Request) => Exchange
}

/**
 * Declares on a route that each request takes a token from a bucket: `limited: 'caller'` from its caller's, beside
 * `access`; `limited: 'address'` from the one that its address has for that route.
 */
export const limited = ({ callers, addresses, identityKey, exchangeOf }: Deps) =>
  new Elysia({ name: 'limited' }).macro({
    limited: (by: 'caller' | 'address') => ({
      detail: refuses(['rate_limited', 'database_unavailable']),
      beforeHandle: async ({ request, route }: { request: Request; route: string }) => {
        const limiter = by === 'caller' ? callers : addresses
        if (!limiter) return
        const exchange = exchangeOf(request)
        const { address, principal } = exchange
        if (by === 'caller' && !principal) throw new TypeError('a limited route declares no access')
        const owner = principal?.owner ?? addressOwnerOf(identityKey, route, neighbourhood(address()))
        const verdict = await limiter.take(owner)
        Object.assign(exchange.headers, limitHeaders(verdict, limiter.rpm))
        if (!verdict.allowed) throw rateLimited(verdict.retryMs, limiter.rpm)
      },
    }),
  })

function limitHeaders({ remaining, resetMs }: Verdict, rpm: number): Record<string, string> {
  return {
    'x-ratelimit-limit-requests': String(rpm),
    'x-ratelimit-remaining-requests': String(remaining),
    'x-ratelimit-reset-requests': duration(resetMs),
  }
}

function rateLimited(retryMs: number, rpm: number): Problem {
  const seconds = Math.ceil(retryMs / 1000)
  return new Problem(
    'rate_limited',
    `Rate limit of ${rpm} requests a minute reached: try again in ${duration(retryMs)}.`,
    {
      headers: { 'retry-after': String(seconds), 'retry-after-ms': String(Math.ceil(retryMs)) },
    },
  )
}

/** A duration as OpenAI writes it: `20ms`, `1.5s`, `2m30s`, `1h0m0s`; rounded up to the millisecond. */
export function duration(ms: number): string {
  const whole = Math.ceil(ms)
  if (whole < 1000) return `${whole}ms`
  const hours = Math.floor(whole / 3_600_000)
  const minutes = Math.floor(whole / 60_000) % 60
  const seconds = (whole % 60_000) / 1000
  return `${hours ? `${hours}h` : ''}${hours || minutes ? `${minutes}m` : ''}${seconds}s`
}
