import { Problem } from '../protocol/problem.ts'

/** What becomes of a backend's 401, 402 or 403: it is our key that it refused, not the caller's. */
export function refusedKey(): Problem {
  const headers = { 'x-should-retry': 'false' }
  const message = "The upstream refused the gateway's key: that is for its operator to mend."
  return new Problem('upstream_credentials', message, { headers })
}
