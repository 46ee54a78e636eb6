declare const traceId: unique symbol

/** Names one trace, across everybody who takes part in it: 32 hex digits, checked, so it may be logged and sent on. */
export type TraceId = string & { readonly [traceId]: true }

/** The trace that a request belongs to. */
export interface Trace {
  readonly id: TraceId
  /** Two hex digits: whether it is recorded, and whether its id is random. */
  readonly flags: string
}

// Whoever speaks a later version may say more after these fields (section 3.2.2.1); 00 may not, and ff is none.
const TRACEPARENT = /^(?!ff|00.{54})[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})[\da-f]{16}-([\da-f]{2})(?:-.*)?$/
// The bits that this version knows: others are sent as zero.
const KNOWN_FLAGS = 0b11

/** What `traceparent` tells (W3C Trace Context section 3.2); `undefined` where there is none, or not a valid one. */
export function traceFrom(traceparent: string | null): Trace | undefined {
  const [, id, flags = ''] = TRACEPARENT.exec(traceparent ?? '') ?? []
  if (id === undefined) return undefined
  return { id: id as TraceId, flags: `0${Number.parseInt(flags, 16) & KNOWN_FLAGS}` }
}

/** The `traceparent` that continues a trace: the same id, with a parent of our own that names no caller's. */
export function traceparentOf({ id, flags }: Trace): string {
  return `00-${id}-${crypto.getRandomValues(Buffer.alloc(8)).toString('hex')}-${flags}`
}
