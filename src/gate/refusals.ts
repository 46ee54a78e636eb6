import { Problem } from '../protocol/problem.ts'

/** Headers that tell of a limit, as OpenAI's SDKs read them. */
export function limitHeaders(what: 'requests' | 'tokens', { limit, left, waitMs }: Left): Record<string, string> {
  return {
    [`x-ratelimit-limit-${what}`]: String(limit),
    [`x-ratelimit-remaining-${what}`]: String(Math.max(0, left)),
    [`x-ratelimit-reset-${what}`]: duration(waitMs),
  }
}

interface Left {
  limit: number
  left: number
  /** Milliseconds until all of it is left. */
  waitMs: number
}

export function rateLimited(retryMs: number, rpm: number): Problem {
  const message = `Rate limit of ${rpm} requests a minute reached: try again in ${duration(retryMs)}.`
  return new Problem('rate_limited', message, { headers: retryHeaders(retryMs) })
}

export function tokenLimitExceeded(limit: number, waitMs: number): Problem {
  const message = `Limit of ${limit} tokens a day (UTC) reached: try again in ${duration(waitMs)}.`
  return new Problem('token_limit_exceeded', message, {
    headers: { ...retryHeaders(waitMs), 'x-should-retry': 'false' },
  })
}

export function tooManyOpen(limit: number): Problem {
  const message = `Limit of ${limit} open requests reached: let one end, or leave it, and try again.`
  return new Problem('concurrent_limit_exceeded', message, { headers: { 'retry-after': '1' } })
}

export function overloaded(): Problem {
  const message = 'The gateway forwards as many requests as it can: try again in a moment.'
  return new Problem('overloaded', message, { headers: { 'retry-after': '1' } })
}

/** Said where too much waits for a database that cannot be written. */
export function ledgerFull(): Problem {
  const message = 'The database does not answer: try again in a moment.'
  return new Problem('database_unavailable', message, { headers: { 'retry-after': '1' } })
}

/** Said to whoever is banned until then, in milliseconds since the epoch, or for good. */
export function restricted(until: number | null, at: number, headers: Record<string, string> = {}): Problem {
  const forHow = until === null ? '' : ` until ${new Date(until).toISOString()}`
  return new Problem(
    'account_restricted',
    `This account is restricted${forHow}: turn to whoever operates this gateway.`,
    {
      headers: { ...headers, ...(until !== null && { 'retry-after': String(Math.ceil((until - at) / 1000)) }) },
    },
  )
}

function retryHeaders(waitMs: number): Record<string, string> {
  return { 'retry-after': String(Math.ceil(waitMs / 1000)), 'retry-after-ms': String(Math.ceil(waitMs)) }
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
