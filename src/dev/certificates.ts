import { createHash, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIPv4 } from 'node:net'

/** Who signs a certificate. */
export interface Signer {
  readonly name: string
  /** A private key on P-256. */
  readonly key: KeyObject
}

interface Asked {
  readonly subject: string
  readonly publicKey: KeyObject
  readonly signer: Signer
  /** Milliseconds since the epoch; a certificate knows no part of a second. */
  readonly from: number
  readonly to: number
  readonly extensions: readonly Uint8Array[]
}

// DER by hand (X.690, RFC 5280): @peculiar/x509 is 250 KB of the executable and 120 ms of a start.
const ECDSA_SHA256 = '1.2.840.10045.4.3.2'
const COMMON_NAME = '2.5.4.3'

/** A certificate of X.509 version 3, in PEM. */
export function certificate({ subject, publicKey, signer, from, to, extensions }: Asked): string {
  const algorithm = sequence(oid(ECDSA_SHA256))
  const signed = sequence(
    der(0xa0, der(0x02, [2])),
    der(0x02, [0x01], randomBytes(8)),
    algorithm,
    named(signer.name),
    sequence(time(from), time(to)),
    named(subject),
    spkiOf(publicKey),
    der(0xa3, sequence(...keyIds(publicKey, createPublicKey(signer.key)), ...extensions)),
  )
  const whole = sequence(signed, algorithm, der(0x03, [0], sign('sha256', signed, signer.key)))
  const lines = whole.toString('base64').replace(/.{64}(?=.)/g, '$&\n')
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`
}

/** A certificate by which `signer` signs others. */
export function authority(signer: Signer, { from, to }: { from: number; to: number }): string {
  const mayGoOn = sequence(der(0x01, [0xff]))
  // Key usage: certificates and revocation lists.
  const extensions = [extension('2.5.29.19', mayGoOn, true), extension('2.5.29.15', der(0x03, [1, 6]), true)]
  return certificate({ subject: signer.name, publicKey: createPublicKey(signer.key), signer, from, to, extensions })
}

/** By which a chain is put together: whose key this is, and whose signed it. */
function keyIds(own: KeyObject, signers: KeyObject): Buffer[] {
  const idOf = (key: KeyObject) => createHash('sha256').update(spkiOf(key)).digest().subarray(0, 20)
  const [subject, authority] = [der(0x04, idOf(own)), sequence(der(0x80, idOf(signers)))]
  return [extension('2.5.29.14', subject), extension('2.5.29.35', authority)]
}

const spkiOf = (key: KeyObject) => key.export({ type: 'spki', format: 'der' })

/** An extension around a value in DER. */
function extension(id: string, value: Uint8Array, isCritical = false): Buffer {
  return sequence(oid(id), ...(isCritical ? [der(0x01, [0xff])] : []), der(0x04, value))
}

/** The names that a server goes by: hosts, and addresses of IPv4. */
export function subjectAltName(names: readonly string[]): Buffer {
  const each = names.map(name =>
    isIPv4(name) ? der(0x87, name.split('.').map(Number)) : der(0x82, Buffer.from(name, 'latin1')),
  )
  return extension('2.5.29.17', sequence(...each))
}

/** For servers. */
export const serverAuth = extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.1')))

/** A value with its tag and its length. */
function der(tag: number, ...parts: readonly (Uint8Array | readonly number[])[]): Buffer {
  const value = Buffer.concat(parts.map(part => Uint8Array.from(part)))
  if (value.length < 0x80) return Buffer.concat([Uint8Array.of(tag, value.length), value])
  const length = value.length > 0xff ? [0x82, value.length >> 8, value.length & 0xff] : [0x81, value.length]
  return Buffer.concat([Uint8Array.of(tag, ...length), value])
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return der(0x30, ...parts)
}

/** An object identifier, written with dots. */
function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return der(0x06, [first * 40 + second, ...rest].flatMap(base128))
}

function base128(value: number): number[] {
  const digits = [value & 0x7f]
  for (let rest = value >> 7; rest > 0; rest >>= 7) digits.unshift((rest & 0x7f) | 0x80)
  return digits
}

function named(name: string): Buffer {
  return sequence(der(0x31, sequence(oid(COMMON_NAME), der(0x0c, Buffer.from(name)))))
}

/** RFC 5280, section 4.1.2.5: two digits of the year until 2049, and four from then on. */
function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '')
  return digits < '2050' ? der(0x17, Buffer.from(digits.slice(2))) : der(0x18, Buffer.from(digits))
}
