import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import type { TlsFaultCode } from '../protocol/log.ts'

/** A private key and its certificates, which fit, and were good when they were taken. */
export interface Pair {
  /** PEM. */
  readonly key: string
  /** PEM, the server's own first. */
  readonly chain: string
  /** SHA-256 of the public key (SPKI, DER), in hex. */
  readonly spki: string
  /** When it was taken, in milliseconds since the epoch. */
  readonly takenAt: number
  /** When it expires. */
  readonly to: number
}

/** A certificate and key that cannot be served with; the message names the setting, the cause and the way out. */
export class TlsFault extends Error {
  override readonly name = 'TlsFault'
  readonly code: TlsFaultCode

  constructor(code: TlsFaultCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

interface Given {
  readonly key: string
  readonly chain: string
}

/** What a fault calls the two. */
interface Names {
  readonly key: string
  readonly chain: string
}

const CERTIFICATES = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

/** A pair of these texts in PEM. @throws TlsFault, which holds nothing of them. */
export function pairOf({ key, chain }: Given, names: Names, now: number): Pair {
  const certificates = certificatesIn(chain, names.chain)
  const [leaf] = certificates
  const secret = keyOf(key, names.key)
  if (!leaf.checkPrivateKey(secret)) {
    const why = `${names.key} is not the key of the first certificate in ${names.chain}`
    throw new TlsFault('mismatch', `${why}: put the server's own certificate first, and give its key.`)
  }
  const [from, to] = [Date.parse(leaf.validFrom), Date.parse(leaf.validTo)]
  if (now < from) throw new TlsFault('too_early', `${names.chain} is not valid before ${day(from)}: check the clock.`)
  if (now >= to) throw new TlsFault('expired', `${names.chain} has expired on ${day(to)}: renew the certificate.`)
  const spki = leaf.publicKey.export({ type: 'spki', format: 'der' })
  return {
    key,
    chain: certificates.map(each => each.toString()).join(''),
    spki: createHash('sha256').update(spki).digest('hex'),
    takenAt: now,
    to,
  }
}

/** All of them, or none: of a file that is being written the last is cut short. */
function certificatesIn(text: string, name: string): readonly [X509Certificate, ...X509Certificate[]] {
  const texts = text.match(CERTIFICATES) ?? []
  const [leaf, ...rest] = texts.flatMap(each => read(() => new X509Certificate(each)) ?? [])
  if (leaf && rest.length + 1 === text.split('-----BEGIN CERTIFICATE-----').length - 1) return [leaf, ...rest]
  throw new TlsFault('malformed', `${name} is no chain of certificates in PEM: give all of it, the server's own first.`)
}

function keyOf(text: string, name: string): KeyObject {
  const key = read(() => createPrivateKey(text))
  if (key) return key
  throw new TlsFault('malformed', `${name} is no private key in PEM, without a password: give one.`)
}

/** Nothing where it cannot be read: what OpenSSL says of it may quote it. */
function read<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch {
    return undefined
  }
}

const day = (ms: number) => (Number.isNaN(ms) ? 'an unknown day' : new Date(ms).toISOString().slice(0, 10))
