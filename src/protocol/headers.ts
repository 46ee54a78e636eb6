import { createHmac } from 'node:crypto'
import { Problem } from './problem.ts'

// Each of these is meant for the far end. Naming one in `Connection` does not make it a hop's own: RFC 9110 section
// 7.6.1 forbids that, and obeying it would let whoever adds a header take the seal's key off a sealed body.
/** Headers that go up from the client as they came, to whoever reads open bodies. Whatever is not named stays here. */
export const OPEN_UP = ['accept', 'content-type'] as const

/** The same, to enclaves that open sealed ones. */
export const SEALED_UP = [
  ...OPEN_UP,
  'ehbp-encapsulated-key',
  'x-tinfoil-events',
  'x-tinfoil-model',
  'x-tinfoil-cache-prefix',
  'x-tinfoil-seal',
] as const

/** Headers that come down from the upstream as they came. */
const DOWN = [
  'content-type',
  'content-length',
  'content-encoding',
  'content-disposition',
  'ehbp-response-nonce',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
  'x-tinfoil-seal',
  'tinfoil-enclave',
  'tinfoil-pt',
] as const

/** Headers of ours that a page of another origin may read, beside those that come down. */
const OURS = [
  'x-protocol-version',
  'x-request-id',
  'x-upstream-request-id',
  'x-sealgate-body',
  'x-sealgate-backend',
  'x-sealgate-instructions-sha256',
  'x-receipt-id',
  'www-authenticate',
  'x-ratelimit-limit-requests',
  'x-ratelimit-remaining-requests',
  'x-ratelimit-reset-requests',
  'x-ratelimit-limit-tokens',
  'x-ratelimit-remaining-tokens',
  'x-ratelimit-reset-tokens',
] as const

/** Every answer header that a page of another origin may read: a feature that adds one adds it here. */
export const EXPOSED: readonly string[] = [...DOWN, ...OURS]

/** Headers of every forwarded answer: nothing between us and the client may store, change or hold it back. */
const UNTOUCHED = { 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no' }

/** The client's headers that go up. @throws Problem `malformed_header` for one that no header may be (RFC 9110 section 5.5) */
export function upHeaders(from: Headers, passes: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of passes) {
    const value = from.get(name)
    if (value === null) continue
    // Bun refuses every other control character, and no request head takes this one. A blank in its place, or nothing,
    // would be read otherwise than what was judged here.
    if (value.includes(DELETE))
      throw new Problem('malformed_header', `Malformed ${name} header: send it without control characters.`)
    headers[name] = value
  }
  return headers
}

const DELETE = '\x7f'

/** The upstream's headers that the client may see, and what we say about caching. */
export function downHeaders(from: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const headers: Record<string, string> = { ...UNTOUCHED }
  for (const name of DOWN) {
    const value = from[name]
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value
  }
  const requestId = from['x-request-id']
  if (typeof requestId === 'string') headers['x-upstream-request-id'] = requestId
  return headers
}

/**
 * An `Idempotency-Key` as the upstream may see it. All callers share our key there, so the caller goes into it: two who
 * chose the same one never meet.
 */
export function idempotencyKeyOf(identityKey: Uint8Array, owner: string, value: string): string {
  return createHmac('sha256', identityKey).update(owner).update('\0').update(value).digest('base64url')
}
