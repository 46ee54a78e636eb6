declare const requestId: unique symbol

/** A UUID that names one request, here and upstream; checked, so it may be logged and echoed. */
export type RequestId = string & { readonly [requestId]: true }

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** A UUID as it is written here, in small letters; `undefined` for whatever is none. */
export function uuidFrom(text: string): string | undefined {
  return UUID.test(text) ? text.toLowerCase() : undefined
}

/** The caller's own request id if it is a UUID (RFC 9562, any version), else a new one. */
export function requestIdFrom(inbound: string | null): RequestId {
  return (inbound !== null && UUID.test(inbound) ? inbound : crypto.randomUUID()) as RequestId
}

// `.` and `..` are segments too, of which no URL is the thing's.
const PLAIN_ID = /^(?!\.{1,2}$)[A-Za-z0-9._:-]{1,255}$/

/** Whether this may be the id of a thing at a backend: one segment of a path, which no reader takes for another. */
export function isPlainId(text: string): boolean {
  return PLAIN_ID.test(text)
}
