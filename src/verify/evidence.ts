import type { X509Certificate } from 'node:crypto'
import { readChain } from './certificates.ts'
import { sure } from './check.ts'

/** What a quoting enclave says of itself, in an SGX report of 384 bytes. */
export interface QeReport {
  readonly miscSelect: Uint8Array
  readonly attributes: Uint8Array
  readonly mrSigner: Uint8Array
  readonly productId: number
  readonly svn: number
  readonly reportData: Uint8Array
}

/** What comes with a quote to show that it was made on a platform that Intel certified. */
export interface Evidence {
  /** By the attestation key, over the quote's header and body. */
  readonly signature: Uint8Array
  /** The two halves of a P-256 point. */
  readonly attestationKey: Uint8Array
  readonly qe: QeReport
  /** The report's bytes, and the platform key's signature over them. */
  readonly qeReport: Uint8Array
  readonly qeSignature: Uint8Array
  readonly authData: Uint8Array
  /** The platform's own certificate first. */
  readonly chain: readonly X509Certificate[]
}

const QE_REPORT = 6
const PCK_CHAIN = 5

/** Reads a quote's signature data (Intel TDX DCAP quote format, appendix 3.8). @throws Wrong where it is not understood. */
export function readEvidence(data: Uint8Array): Evidence {
  const outer = reader(data)
  const all = reader(outer.bytes(outer.u32()))
  const [signature, attestationKey] = [all.bytes(64), all.bytes(64)]
  sure(all.u16() === QE_REPORT, 'certification data that is not a report of the quoting enclave')
  const certified = reader(all.bytes(all.u32()))
  const [qeReport, qeSignature] = [certified.bytes(384), certified.bytes(64)]
  const authData = certified.bytes(certified.u16())
  sure(certified.u16() === PCK_CHAIN, 'certification data without the certificates of the platform')
  const chain = readChain(Buffer.from(certified.bytes(certified.u32())).toString('latin1'))
  return { signature, attestationKey, qe: qeOf(qeReport), qeReport, qeSignature, authData, chain }
}

function qeOf(report: Uint8Array): QeReport {
  const { bytes, u16 } = reader(report)
  bytes(16)
  const miscSelect = bytes(4)
  bytes(28)
  const attributes = bytes(16)
  bytes(64)
  const mrSigner = bytes(32)
  bytes(96)
  const [productId, svn] = [u16(), u16()]
  bytes(60)
  return { miscSelect, attributes, mrSigner, productId, svn, reportData: bytes(64) }
}

/** Takes little-endian fields off the front. */
function reader(data: Uint8Array) {
  let at = 0
  const bytes = (length: number): Uint8Array => {
    sure(at + length <= data.length, 'signature data that is cut short')
    at += length
    return data.subarray(at - length, at)
  }
  const number = (length: number) => bytes(length).reduceRight((sum, byte) => sum * 256 + byte, 0)
  return { bytes, u16: () => number(2), u32: () => number(4) }
}
