import { createHash, randomBytes } from 'node:crypto'

/** How every session token begins. */
export const SESSION_PREFIX = 'sess_'
/** How every API key begins; whatever begins with `sk-` is taken for one, and no JWT does. */
const KEY_PREFIX = 'sk-sg-'

const SECRET_BYTES = 16
const SHOWN_DIGITS = 6

/** A new session token: `sess_` and 128 random bits in hex. */
export function newSessionToken(): string {
  return SESSION_PREFIX + randomBytes(SECRET_BYTES).toString('hex')
}

/** Whether a text has the form of a session token. */
export function isSessionToken(text: string): boolean {
  return /^sess_[0-9a-f]{32}$/.test(text)
}

/** A new API key: `sk-sg-`, 128 random bits in hex, and the CRC-32 of all that in 8 hex digits. */
export function newApiKey(): string {
  const body = KEY_PREFIX + randomBytes(SECRET_BYTES).toString('hex')
  return body + checksumOf(body)
}

/** Whether a text has the form of an API key, and the checksum that goes with it. */
export function isApiKey(text: string): boolean {
  return /^sk-sg-[0-9a-f]{40}$/.test(text) && checksumOf(text.slice(0, -8)) === text.slice(-8)
}

/** How a key begins, for its owner to know it by: 24 of its 128 bits. */
export function prefixOf(key: string): string {
  return key.slice(0, KEY_PREFIX.length + SHOWN_DIGITS)
}

/** What is kept of a session token or key, here and in the database: its SHA-256 in hex. Random, it needs no salt. */
export function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

function checksumOf(body: string): string {
  return Bun.hash.crc32(body).toString(16).padStart(8, '0')
}
