/** What Intel publishes to judge quotes by, as caching services hand it on: documents as texts, lists as hex. */
export interface Collateral {
  readonly pck_crl_issuer_chain: string
  readonly root_ca_crl: string
  readonly pck_crl: string
  readonly tcb_info_issuer_chain: string
  readonly tcb_info: string
  readonly tcb_info_signature: string
  readonly qe_identity_issuer_chain: string
  readonly qe_identity: string
  readonly qe_identity_signature: string
}

/** Which of Intel's documents are about a platform. */
export interface Platform {
  /** 6 bytes in hex. */
  readonly fmspc: string
  /** Which authority certified it. */
  readonly authority: 'platform' | 'processor'
}

// The identifier of FMSPC, 1.2.840.113741.1.13.1.4, in DER, and the head of the 6 bytes that follow it.
const FMSPC = Buffer.from('060a2a864886f84d010d01040406', 'hex')
const FMSPC_BYTES = 6
const CERTIFICATE = /-----BEGIN CERTIFICATE-----([A-Za-z\d+/=\s]+)-----END CERTIFICATE-----/

/** What platform a quote says that made it, to know what to ask for; nothing of it is verified. */
export function platformNamedIn(quote: Uint8Array): Platform | undefined {
  const [, base64 = ''] = CERTIFICATE.exec(Buffer.from(quote).toString('latin1')) ?? []
  const certificate = Buffer.from(base64, 'base64')
  const at = certificate.indexOf(FMSPC)
  if (at < 0) return undefined
  const from = at + FMSPC.length
  const isProcessor = certificate.includes('Intel SGX PCK Processor CA')
  return {
    fmspc: certificate.subarray(from, from + FMSPC_BYTES).toString('hex'),
    authority: isProcessor ? 'processor' : 'platform',
  }
}
