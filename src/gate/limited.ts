import { Elysia } from 'elysia'
import type { Exchange } from '../protocol/exchange.ts'
import { Problem } from '../protocol/problem.ts'
import type { Limiter, Verdict } from './limiter.ts'

interface Deps {
  /** Absent when the limit is off. */
  limiter: Limiter | undefined
  /** Requests a minute, as the headers tell it. */
  rpm: number
  exchangeOf: (request: Request) => Exchange
}

/** Declares on a route that each request takes a token from its caller's bucket: `limited: true`, beside `access`. */
export const limited = ({ limiter, rpm, exchangeOf }: Deps) =>
  new Elysia({ name: 'limited' }).macro({
    limited: (_: true) => ({
      beforeHandle: async ({ request }: { request: Request }) => {
        if (!limiter) return
        const exchange = exchangeOf(request)
        if (!exchange.principal) throw new TypeError('a limited route declares no access')
        const verdict = await limiter.take(exchange.principal.owner)
        Object.assign(exchange.headers, limitHeaders(verdict, rpm))
        if (!verdict.allowed) throw rateLimited(verdict.retryMs, rpm)
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
