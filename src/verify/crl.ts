import { verify, type X509Certificate } from 'node:crypto'
import { areUnderstood, commonNameOf, day, extensionsIn, nameOf, serialOf } from './certificates.ts'
import { sure } from './check.ts'
import { type Der, INTEGER, readDer, SEQUENCE, sequence, timeOf } from './der.ts'

/** A list of revoked certificates (RFC 5280, section 5), read and not yet believed. */
export interface RevocationList {
  readonly issuer: Buffer
  readonly from: number
  readonly to: number
  /** Serial numbers, their bytes in hex. */
  readonly revoked: ReadonlySet<string>
  readonly signed: Uint8Array
  readonly signature: Uint8Array
}

/** Reads one in DER. @throws Wrong where it is none. */
export function readCrl(bytes: Uint8Array): RevocationList {
  const [tbs, , signature] = sequence(readDer(bytes))
  sure(signature?.tag === 0x03 && signature.content[0] === 0, 'a revocation list without a signature')
  const fields = sequence(tbs)
  const [, issuer, from, to, ...rest] = fields[0]?.tag === INTEGER ? fields.slice(1) : fields
  const list = rest.find(({ tag }) => tag === SEQUENCE)
  // Such as would make it a list of some certificates only (RFC 5280, section 5.2).
  const extensions = extensionsIn(rest.find(({ tag }) => tag === 0xa0))
  sure(areUnderstood(extensions, new Set()), 'a revocation list with a critical extension that is not understood')
  return {
    issuer: Buffer.from(issuer?.whole ?? []),
    from: timeOf(from),
    to: timeOf(to),
    revoked: new Set(list ? sequence(list).map(serial) : []),
    signed: tbs?.whole ?? new Uint8Array(),
    signature: signature.content.subarray(1),
  }
}

/** @throws Wrong unless the list is this authority's own, and in force. */
export function judgeCrl(list: RevocationList, authority: X509Certificate, at: number): void {
  const whose = `the revocation list of ${commonNameOf(authority)}`
  sure(authority.ca, `${whose} is signed by something that is no authority`)
  sure(list.issuer.equals(nameOf(authority, 'subject')), `${whose} names another issuer`)
  sure(verify('sha256', list.signed, authority.publicKey, list.signature), `${whose} is not signed by it`)
  sure(list.from <= at && at <= list.to, `${whose} is not in force: from ${day(list.from)} to ${day(list.to)}`)
}

/** @throws Wrong if the certificate is on the list. */
export function judgeUnrevoked({ revoked }: RevocationList, certificate: X509Certificate): void {
  sure(!revoked.has(serialOf(certificate)), `${commonNameOf(certificate)} is revoked`)
}

function serial(entry: Der): string {
  return Buffer.from(sequence(entry)[0]?.content ?? []).toString('hex')
}
