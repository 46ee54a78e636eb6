import { Elysia } from 'elysia'
import { neighbourhood } from '../protocol/addresses.ts'
import type { Exchange } from '../protocol/exchange.ts'
import { refuses } from '../protocol/openapi.ts'
import { addressOwnerOf } from '../protocol/principal.ts'
import { Problem } from '../protocol/problem.ts'
import type { InFlight } from './in-flight.ts'
import type { Limiter, Verdict } from './limiter.ts'
import type { Slots } from './slots.ts'

interface Deps {
  /** Counts requests by caller; absent when that limit is off. */
  callers: Limiter | undefined
  /** Counts requests by address. */
  addresses: Limiter
  /** Counts the open requests of a caller; absent when that limit is off. */
  slots: Slots | undefined
  /** Counts the requests of all callers that are being forwarded. */
  inFlight: InFlight
  identityKey: Uint8Array
  exchangeOf: (request: Request) => Exchange
}

/**
 * Declares on a route that each request takes a token from a bucket: `limited: 'address'` from the one that its address
 * has for that route; `limited: 'caller'` from its caller's, beside `access`, and then holds one of the caller's slots.
 */
export const limited = (deps: Deps) => {
  const { addresses, identityKey, exchangeOf } = deps
  return new Elysia({ name: 'limited' }).macro({
    limited: (by: 'caller' | 'address') => ({
      detail: refuses(by === 'caller' ? [...REFUSALS, 'concurrent_limit_exceeded', 'overloaded'] : REFUSALS),
      beforeHandle: ({ request, route }: { request: Request; route: string }) => {
        const exchange = exchangeOf(request)
        if (by === 'caller') return boundCaller(exchange, deps)
        return takeToken(exchange, addresses, addressOwnerOf(identityKey, route, neighbourhood(exchange.address())))
      },
    }),
  })
}

/** What it enters and holds is given back when the exchange is over, whatever becomes of it here. */
async function boundCaller(exchange: Exchange, { callers, slots, inFlight }: Deps): Promise<void> {
  if (!exchange.principal) throw new TypeError('a limited route declares no access')
  const { owner } = exchange.principal
  exchange.inFlight = inFlight.enter()
  if (!exchange.inFlight) throw overloaded()
  if (callers) await takeToken(exchange, callers, owner)
  if (!slots) return
  exchange.slot = await slots.acquire(owner)
  if (!exchange.slot) throw tooManyOpen(slots.limit)
}

const REFUSALS = ['rate_limited', 'database_unavailable'] as const

async function takeToken(exchange: Exchange, limiter: Limiter, owner: string): Promise<void> {
  const verdict = await limiter.take(owner)
  Object.assign(exchange.headers, limitHeaders(verdict, limiter.rpm))
  if (!verdict.allowed) throw rateLimited(verdict.retryMs, limiter.rpm)
}

function overloaded(): Problem {
  return new Problem('overloaded', 'The gateway forwards as many requests as it can: try again in a moment.', {
    headers: { 'retry-after': '1' },
  })
}

function tooManyOpen(limit: number): Problem {
  return new Problem(
    'concurrent_limit_exceeded',
    `Limit of ${limit} open requests reached: let one end, or leave it, and try again.`,
    { headers: { 'retry-after': '1' } },
  )
}

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
