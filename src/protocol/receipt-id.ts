import { createHmac, timingSafeEqual } from 'node:crypto'

// 48 bits of time, 80 of chance and 128 of a MAC, in hex. Ids are in the order of their times.
const FORM = /^rcpt_([\da-f]{12}[\da-f]{20})([\da-f]{32})$/
const TIME_DIGITS = 12

/**
 * A new id for the receipt of an owner's request at a time, in milliseconds since the epoch. It bears a MAC over the owner,
 * so that any process of that key can tell whose it is without having seen it.
 */
export function receiptIdFor(key: Uint8Array, owner: string, at: number): string {
  const uuid = crypto.randomUUID()
  // The first 32 bits and the last 48 of one are chance (RFC 9562, section 5.4); bytes of our own take thrice as long.
  const stem = timeOf(at) + uuid.slice(0, 8) + uuid.slice(24)
  return `rcpt_${stem}${macOf(key, owner, stem)}`
}

/** When an id was given to an owner; `undefined` for whatever was not. */
export function issuedAt(key: Uint8Array, owner: string, id: string): number | undefined {
  const [, stem = '', mac = ''] = FORM.exec(id) ?? []
  if (mac === '' || !timingSafeEqual(Buffer.from(mac), Buffer.from(macOf(key, owner, stem)))) return undefined
  return Number.parseInt(stem.slice(0, TIME_DIGITS), 16)
}

/** What stands before all ids of that time and later ones, and behind all older ones. */
export const firstIdAt = (at: number): string => `rcpt_${timeOf(at)}`

const timeOf = (at: number) => at.toString(16).padStart(TIME_DIGITS, '0')

function macOf(key: Uint8Array, owner: string, stem: string): string {
  // Bun's own keyed hash takes half as long, and throws whatever error OpenSSL had for somebody else before it, as for a key
  // set with a point that is on no curve (1.4.5, measured). JSON, for there is nothing to escape.
  return createHmac('sha256', key).update(`["receipt","${owner}","${stem}"]`).digest('hex').slice(0, 32)
}
