import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import { fromBase64Url } from '../protocol/base64url.ts'

/** Where a sealed value stands: moved to another place it does not open. */
export interface Place {
  readonly table: string
  readonly column: string
  /** The row's id. */
  readonly row: string
}

/** Seals what a person wrote, or what names one, before it goes into the database. */
export interface Fields {
  seal(place: Place, text: string): string
  /** @throws FieldFault for what this key did not seal for this place. */
  open(place: Place, sealed: string): string
  /** What every value sealed under this key begins with. */
  readonly prefix: string
}

/** A sealed value that does not open: another key's, another place's, or damaged. */
export class FieldFault extends Error {
  override readonly name = 'FieldFault'
}

const NONCE_BYTES = 12
const TAG_BYTES = 16
const VERSION = 'f1'

/** The tag of a key, 8 hex digits: which key a value was sealed under. */
export function tagOf(key: Uint8Array): string {
  return createHmac('sha256', key).update('sealgate field key').digest('hex').slice(0, 8)
}

/**
 * AES-256-GCM (NIST SP 800-38D) under one key, with the version, table, column and row as associated data; a sealed
 * value is `f1.`, the key's tag, `.`, and nonce, ciphertext and authentication tag in canonical base64url.
 *
 * Nonces are random, so one key may seal 2^32 values (section 8.3) before two are alike with a chance above 2^-32;
 * `sealgate rekey` gives a new one. A value's length can be seen, and an older value of the same place opens there.
 */
export function fields(key: Uint8Array): Fields {
  const prefix = `${VERSION}.${tagOf(key)}.`
  return {
    prefix,
    seal: (place, text) => {
      const nonce = crypto.getRandomValues(Buffer.allocUnsafe(NONCE_BYTES))
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
      cipher.setAAD(associated(place))
      const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return prefix + sealed.toString('base64url')
    },
    open: (place, sealed) => {
      const bytes = sealed.startsWith(prefix) ? fromBase64Url(sealed.slice(prefix.length)) : null
      if (bytes === null || bytes.length < NONCE_BYTES + TAG_BYTES) throw unopened(place)
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), {
          authTagLength: TAG_BYTES,
        })
        decipher.setAAD(associated(place)).setAuthTag(bytes.subarray(-TAG_BYTES))
        const opened = [decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]
        return Buffer.concat(opened).toString('utf8')
      } catch (cause) {
        throw unopened(place, cause)
      }
    },
  }
}

/** A keyed hash by which a sealed value is found, 64 hex digits; `what` keeps the hashes of different things apart. */
export function lookupHash(key: Uint8Array, what: string, text: string): string {
  return createHmac('sha256', key)
    .update(JSON.stringify([what, text]))
    .digest('hex')
}

function associated({ table, column, row }: Place): Buffer {
  return Buffer.from(JSON.stringify([VERSION, table, column, row]))
}

function unopened({ table, column }: Place, cause?: unknown): FieldFault {
  return new FieldFault(
    `A value of ${table}.${column} does not open: it was sealed under another key or for another row, or it is damaged.`,
    { cause },
  )
}
