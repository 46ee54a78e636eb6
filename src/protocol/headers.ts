// Each of these is meant for the far end. Naming one in `Connection` does not make it a hop's own: RFC 9110 section
// 7.6.1 forbids that, and obeying it would let whoever adds a header take the seal's key off a sealed body.
/** Headers that go up from the client as they came. Whatever is not named stays here. */
const UP = ['accept', 'content-type', 'ehbp-encapsulated-key'] as const

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
] as const

/** Headers of every forwarded answer: nothing between us and the client may store, change or hold it back. */
const UNTOUCHED = { 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no' }

/** The client's headers that the upstream may see. */
export function upHeaders(from: Headers): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of UP) {
    const value = from.get(name)
    if (value !== null) headers[name] = value
  }
  return headers
}

/** The upstream's headers that the client may see, and what we say about caching. */
export function downHeaders(from: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const headers: Record<string, string> = { ...UNTOUCHED }
  for (const name of DOWN) {
    const value = from[name]
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return headers
}
