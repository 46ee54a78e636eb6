import { Elysia } from 'elysia'
import { neighbourhood } from '../protocol/addresses.ts'
import type { Exchange } from '../protocol/exchange.ts'
import { DAY_MS } from '../protocol/metering.ts'
import { refuses } from '../protocol/openapi.ts'
import { addressOwnerOf } from '../protocol/principal.ts'
import { Problem } from '../protocol/problem.ts'
import { FORWARDED, METERED } from '../protocol/routes.ts'
import type { Ledger } from './ledger.ts'
import type { Limiter, Verdict } from './limiter.ts'

interface Deps {
  /** Counts requests by caller; absent when that limit is off. */
  callers: Limiter | undefined
  /** Counts requests by address. */
  addresses: Limiter
  /** Counts tokens. */
  ledger: Ledger
  /** Tokens that a caller may use in a UTC day; 0 sets no limit. */
  tokenLimit: number
  now: () => number
  identityKey: Uint8Array
  exchangeOf: (request: Request) => Exchange
}

interface Asked {
  request: Request
  /** Its template. */
  route: string
}

/**
 * Declares on a route that each request takes a token from a bucket: `limited: 'caller'` from its caller's, beside
 * `access`; `limited: 'address'` from the one that its address has for that route. Where answers cost tokens, those
 * that the caller used today count too.
 */
export const limited = ({ callers, addresses, ledger, tokenLimit, now, identityKey, exchangeOf }: Deps) => {
  async function limitCaller({ request, route }: Asked): Promise<void> {
    const exchange = exchangeOf(request)
    if (!exchange.principal) throw new TypeError('a limited route declares no access')
    const { owner } = exchange.principal
    // What could not be booked is not let through.
    if (ledger.isFull && FORWARDED.has(route)) throw ledgerFull()
    if (callers) {
      await take(callers, owner, exchange)
      exchange.charged = true
    }
    if (tokenLimit > 0 && METERED.has(route)) await limitTokens(owner, exchange)
  }

  async function limitTokens(owner: string, { headers }: Exchange): Promise<void> {
    const at = now()
    const spent = await ledger.spent(owner, at)
    const waitMs = DAY_MS - (at % DAY_MS)
    Object.assign(headers, headersOf('tokens', { limit: tokenLimit, left: tokenLimit - spent, waitMs }))
    if (spent >= tokenLimit) throw tokenLimitExceeded(tokenLimit, waitMs)
  }

  async function limitAddress({ request, route }: Asked): Promise<void> {
    const exchange = exchangeOf(request)
    await take(addresses, addressOwnerOf(identityKey, route, neighbourhood(exchange.address())), exchange)
  }

  return new Elysia({ name: 'limited' }).macro({
    limited: (by: 'caller' | 'address') => ({
      detail: refuses(['rate_limited', 'database_unavailable']),
      beforeHandle: by === 'caller' ? limitCaller : limitAddress,
    }),
  })
}

async function take(limiter: Limiter, owner: string, { headers }: Exchange): Promise<void> {
  const { allowed, remaining, resetMs, retryMs }: Verdict = await limiter.take(owner)
  Object.assign(headers, headersOf('requests', { limit: limiter.rpm, left: remaining, waitMs: resetMs }))
  if (!allowed) throw rateLimited(retryMs, limiter.rpm)
}

function headersOf(what: string, { limit, left, waitMs }: { limit: number; left: number; waitMs: number }) {
  return {
    [`x-ratelimit-limit-${what}`]: String(limit),
    [`x-ratelimit-remaining-${what}`]: String(Math.max(0, left)),
    [`x-ratelimit-reset-${what}`]: duration(waitMs),
  }
}

function retryHeaders(waitMs: number): Record<string, string> {
  return { 'retry-after': String(Math.ceil(waitMs / 1000)), 'retry-after-ms': String(Math.ceil(waitMs)) }
}

function rateLimited(retryMs: number, rpm: number): Problem {
  const message = `Rate limit of ${rpm} requests a minute reached: try again in ${duration(retryMs)}.`
  return new Problem('rate_limited', message, { headers: retryHeaders(retryMs) })
}

function tokenLimitExceeded(limit: number, waitMs: number): Problem {
  const message = `Limit of ${limit} tokens a day (UTC) reached: try again in ${duration(waitMs)}.`
  return new Problem('token_limit_exceeded', message, {
    headers: { ...retryHeaders(waitMs), 'x-should-retry': 'false' },
  })
}

function ledgerFull(): Problem {
  return new Problem('database_unavailable', 'The database does not answer: try again in a moment.', {
    headers: { 'retry-after': '1' },
  })
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
