import { hkdfSync } from 'node:crypto'

/** Request header with the HPKE encapsulated key: there exactly when the body is sealed (EHBP 0.3.1). */
export const ENCAPSULATED_KEY_HEADER = 'ehbp-encapsulated-key'

/** Response header with 32 random bytes in hex: there exactly when the answer, of any status, is sealed. */
export const RESPONSE_NONCE_HEADER = 'ehbp-response-nonce'

/** HPKE `info` of a request. */
export const REQUEST_INFO = 'ehbp request'

/** HPKE exporter context of the secret from which the response keys are derived. */
export const RESPONSE_LABEL = 'ehbp response'

/** Path of the key configuration. What it answers is not authenticated: an attested key comes from a report. */
export const KEYS_PATH = '/.well-known/hpke-keys'

/** Media type of a key configuration; clients compare the whole header, so it must not gain parameters. */
export const KEYS_MEDIA_TYPE = 'application/ohttp-keys'

/** Problem `type` of the 422 that tells a client to fetch the key again and seal once more. */
export const KEY_CONFIG_PROBLEM = 'urn:ietf:params:ehbp:error:key-config'

/** Bytes of an X25519 key, of the exported secret and of the response nonce. */
export const KEY_LENGTH = 32

/** Longest frame read or written, in bytes: 64 MiB of plaintext and the AEAD's tag. */
export const MAX_FRAME_LENGTH = 64 * 1024 * 1024 + 16

/** Bytes that are not EHBP. The message says which rule broke and never quotes them. */
export class MalformedEhbp extends Error {
  override readonly name = 'MalformedEhbp'
}

const CONFIGURATION_HEAD = Buffer.from('000020', 'hex') // key id 0, DHKEM(X25519, HKDF-SHA256)
const CONFIGURATION_TAIL = Buffer.from('000400010002', 'hex') // 4 bytes of suites: HKDF-SHA256, AES-256-GCM

/** The 41 bytes that publish one X25519 public key. */
export function marshalKeyConfiguration(publicKey: Uint8Array): Uint8Array {
  requireLength(publicKey, 'public key')
  return Buffer.concat([CONFIGURATION_HEAD, publicKey, CONFIGURATION_TAIL])
}

/** The public key of a key configuration; throws MalformedEhbp unless it is the 41 bytes of EHBP's only suite. */
export function parseKeyConfiguration(bytes: Uint8Array): Uint8Array {
  const start = CONFIGURATION_HEAD.length
  const publicKey = new Uint8Array(bytes.subarray(start, start + KEY_LENGTH))
  if (Buffer.compare(marshalKeyConfiguration(publicKey), bytes) !== 0) {
    throw new MalformedEhbp('key configuration of another suite or shape')
  }
  return publicKey
}

/** True for exactly 64 hex digits of either case, so never for two headers joined into one. */
export function isEncapsulatedKey(header: string): boolean {
  return /^[0-9a-f]{64}$/i.test(header)
}

/** A frame: its length as four big-endian bytes, then the payload. */
export function encodeFrame(payload: Uint8Array): Uint8Array<ArrayBuffer> {
  requireFrameLength(payload.length)
  const frame = new Uint8Array(4 + payload.length)
  new DataView(frame.buffer).setUint32(0, payload.length)
  frame.set(payload, 4)
  return frame
}

const MIN_SEALED_FRAME = 17 // one byte and the AEAD's tag
const MAX_SEALED_FRAME = 64 * 1024 * 1024 + 20
const MAX_EMPTY_FRAMES = 16

/**
 * What the first bytes of a body are: the beginning of a sealed frame, something else, or too few to tell. At most 16
 * empty frames may stand before the first. Open text never passes: `{"mo` read as a length is two gigabytes.
 */
export function sniffFrame(head: Uint8Array): 'frame' | 'other' | 'unsettled' {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  for (let at = 0; at <= MAX_EMPTY_FRAMES * 4; at += 4) {
    if (head.byteLength < at + 4) return 'unsettled'
    const length = view.getUint32(at)
    if (length > 0) return length >= MIN_SEALED_FRAME && length <= MAX_SEALED_FRAME ? 'frame' : 'other'
  }
  return 'other'
}

/** Reads frames from bytes that arrive split anywhere. After it threw it is of no further use. */
export class FrameReader {
  readonly #header = new Uint8Array(4)
  #filling = this.#header
  #filled = 0

  /** The payloads that these bytes complete, empty frames left out; throws MalformedEhbp for one that is too long. */
  feed(bytes: Uint8Array): Uint8Array[] {
    const payloads: Uint8Array[] = []
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + this.#filling.length - this.#filled)
      this.#filling.set(part, this.#filled)
      this.#filled += part.length
      at += part.length
      if (this.#filled < this.#filling.length) continue
      const payload = this.#turn()
      if (payload) payloads.push(payload)
    }
    return payloads
  }

  /** Says that no bytes follow; throws MalformedEhbp when they end inside a frame. */
  end(): void {
    if (this.#filling !== this.#header || this.#filled > 0) throw new MalformedEhbp('body ends inside a frame')
  }

  /** Goes on from a full header to its payload, or from a full payload, which it gives back, to the next header. */
  #turn(): Uint8Array | undefined {
    const full = this.#filling
    this.#filling = this.#header
    this.#filled = 0
    if (full !== this.#header) return full
    const length = new DataView(full.buffer).getUint32(0)
    requireFrameLength(length)
    if (length > 0) this.#filling = new Uint8Array(length)
    return undefined
  }
}

/** What seals an answer: an AES-256-GCM key and the 12 bytes from which each frame's nonce comes. */
export interface ResponseKeys {
  readonly key: Uint8Array
  readonly nonceBase: Uint8Array
}

/** Derives the response keys from the exported secret, the request's encapsulated key and the nonce, 32 bytes each. */
export function deriveResponseKeys(
  secret: Uint8Array,
  encapsulatedKey: Uint8Array,
  responseNonce: Uint8Array,
): ResponseKeys {
  requireLength(secret, 'exported secret')
  requireLength(encapsulatedKey, 'encapsulated key')
  requireLength(responseNonce, 'response nonce')
  const salt = Buffer.concat([encapsulatedKey, responseNonce])
  const expand = (info: string, length: number) => new Uint8Array(hkdfSync('sha256', secret, salt, info, length))
  return { key: expand('key', 32), nonceBase: expand('nonce', 12) }
}

/** The nonce of frame `index`, counted from 0; throws RangeError from 2³² on, where clients give up. */
export function frameNonce({ nonceBase }: ResponseKeys, index: number): Uint8Array {
  if (!Number.isInteger(index) || index < 0 || index >= 2 ** 32) throw new RangeError('frame index out of range')
  const nonce = new Uint8Array(nonceBase)
  const low = new DataView(nonce.buffer, 8)
  low.setUint32(0, low.getUint32(0) ^ index)
  return nonce
}

function requireLength(bytes: Uint8Array, name: string): void {
  if (bytes.length !== KEY_LENGTH) throw new MalformedEhbp(`${name} is not ${KEY_LENGTH} bytes`)
}

function requireFrameLength(length: number): void {
  if (length > MAX_FRAME_LENGTH) throw new MalformedEhbp(`frame is longer than ${MAX_FRAME_LENGTH} bytes`)
}
