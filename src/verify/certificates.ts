import { createHash, X509Certificate } from 'node:crypto'
import { sure } from './check.ts'
import { BOOLEAN, type Der, membersOf, oidOf, readDer, sequence } from './der.ts'

/** The SHA-256 of a root certificate's DER, in hex: what is believed. */
export type Root = string

/** Intel SGX Root CA, valid from 2018-05-21 to 2049-12-31. */
export const INTEL_ROOT: Root = '44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3'

/** The certificates of a text in PEM, in its order. @throws Wrong where there is none. */
export function readChain(pem: string): readonly X509Certificate[] {
  // Up to the next dash, not to the next end: of ends that never come a whole quote full would take an hour.
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  sure(blocks.length > 0, 'no certificate')
  return blocks.map(block => new X509Certificate(block))
}

/** What is believed, and when. */
export interface Belief {
  readonly roots: readonly Root[]
  /** Milliseconds since the epoch. */
  readonly at: number
}

// Nothing else that is critical is understood here (RFC 5280, section 4.2): the kinds of use, and whether it is an authority.
const UNDERSTOOD: ReadonlySet<string> = new Set(['2.5.29.15', '2.5.29.19'])

/**
 * Whether each certificate is signed by the one after it, the last is a root that is believed, and all were in force.
 * Intel's chains are of one length each: a longer one has an authority that should not be there.
 * @throws Wrong saying which is not
 */
export function judgeChain(chain: readonly X509Certificate[], length: number, { roots, at }: Belief): void {
  const root = chain.at(-1)
  sure(root !== undefined && roots.includes(fingerprint(root)), 'does not end in the root that is believed')
  sure(chain.length === length, `has ${chain.length} certificates, not ${length}`)
  for (const [index, certificate] of chain.entries()) {
    const issuer = chain[index + 1] ?? certificate
    const name = commonNameOf(certificate)
    sure(nameOf(certificate, 'issuer').equals(nameOf(issuer, 'subject')), `${name} names another issuer`)
    sure(issuer.ca, `${name} is signed by something that is no authority`)
    sure(
      areUnderstood(extensionsOf(certificate), UNDERSTOOD),
      `${name} has a critical extension that is not understood`,
    )
    sure(certificate.verify(issuer.publicKey), `${name} is not signed by ${commonNameOf(issuer)}`)
    const [from, to] = [certificate.validFromDate.getTime(), certificate.validToDate.getTime()]
    sure(from <= at && at <= to, `${name} is not in force: from ${day(from)} to ${day(to)}`)
  }
}

/** What a certificate is called. */
export function commonNameOf({ subject }: X509Certificate): string {
  return /^CN=(.+)$/m.exec(subject)?.[1] ?? 'a certificate without a name'
}

/** The DER of an extension's value. @throws Wrong where it has none such. */
export function extensionOf(certificate: X509Certificate, oid: string): Der {
  const value = extensionsOf(certificate)
    .find(([id]) => oidOf(id) === oid)
    ?.at(-1)
  sure(value !== undefined, `${commonNameOf(certificate)} lacks the extension ${oid}`)
  return readDer(value.content)
}

/** The DER of a distinguished name, to compare byte by byte. */
export function nameOf(certificate: X509Certificate, whose: 'issuer' | 'subject'): Buffer {
  const fields = toBeSigned(certificate).filter(({ tag }) => tag !== 0xa0)
  return Buffer.from(fields[whose === 'issuer' ? 2 : 4]?.whole ?? [])
}

/** A serial number, its bytes in hex. */
export function serialOf(certificate: X509Certificate): string {
  const [serial] = toBeSigned(certificate).filter(({ tag }) => tag !== 0xa0)
  return Buffer.from(serial?.content ?? []).toString('hex')
}

/** Whether of these extensions only such are critical. */
export function areUnderstood(extensions: Extensions, understood: ReadonlySet<string>): boolean {
  return extensions.every(([id, ...rest]) => rest[0]?.tag !== BOOLEAN || understood.has(oidOf(id)))
}

/** The members of each extension: its identifier, whether it is critical where it is, and its value. */
export type Extensions = readonly (readonly Der[])[]

/** The extensions in what a field of its own holds; none where it is not there. */
export const extensionsIn = (field: Der | undefined): Extensions =>
  field ? sequence(membersOf(field)[0]).map(sequence) : []

const extensionsOf = (certificate: X509Certificate): Extensions =>
  extensionsIn(toBeSigned(certificate).find(({ tag }) => tag === 0xa3))

/** A day, as people write it. */
export const day = (at: number): string => (Number.isNaN(at) ? 'no date' : new Date(at).toISOString().slice(0, 10))

function toBeSigned({ raw }: X509Certificate): readonly Der[] {
  return sequence(sequence(readDer(raw))[0])
}

const fingerprint = ({ raw }: X509Certificate): Root => createHash('sha256').update(raw).digest('hex')
