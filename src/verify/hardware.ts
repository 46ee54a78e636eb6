import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { parseQuote, type Quote, SIMULATED, TDX } from '../tee/quote.ts'
import { judgeChain } from './certificates.ts'
import { type Check, check, sure, Untold } from './check.ts'
import { type Belief, type Collateral, judgeDates, judgeRevocation, judgeSignatures } from './collateral.ts'
import { type Evidence, readEvidence } from './evidence.ts'
import { platformOf } from './pck.ts'
import { judgeQe, judgeTcb } from './tcb.ts'

const INTEL_VENDOR = '939a7233f79c4ca9940a0db3957f0607'
const ECDSA_P256 = 2
const PLATFORM_NAME = 'Intel SGX PCK Certificate'

interface Given {
  readonly quote: Uint8Array
  /** Without it nothing can be told of what is revoked and what is up to date. */
  readonly collateral: Collateral | undefined
  readonly belief: Belief
}

/** Whether hardware that Intel certified made a quote, and what it says of itself: each check with what was seen. */
export function hardwareChecks({ quote: bytes, collateral, belief }: Given): readonly Check[] {
  // Each check reads what it needs: where that cannot be read, it says so itself.
  const quote = () => parseQuote(bytes)
  const evidence = () => readEvidence(quote().signature)
  const needed = () => {
    if (!collateral) throw new Untold('there is no collateral: give --collateral FILE or --pccs URL')
    return collateral
  }
  return [
    check('quote header', () => judgeHeader(quote(), bytes)),
    check('quote signature', () => judgeQuote(quote(), evidence())),
    check('QE report signature', () => judgeQeReport(evidence())),
    check('attestation key', () => judgeBinding(evidence())),
    check('certificate chain', () => judgePlatform(evidence(), belief)),
    check('collateral signatures', () => judgeSignatures(needed(), belief)),
    check('collateral dates', () => judgeDates(needed(), belief)),
    check('revocation', () => judgeRevocation(needed(), evidence().chain, belief)),
    check('QE identity', () => judgeQe(needed().qe_identity, evidence().qe)),
    check('TCB status', () => judgeTcb(needed().tcb_info, quote(), platformOf(leafOf(evidence())))),
    check('debug', () => judgeDebug(quote())),
  ]
}

function judgeHeader({ version, teeType, vendor }: Quote, bytes: Uint8Array): string {
  sure(teeType !== SIMULATED, 'simulated: no TEE made this')
  sure(teeType === TDX, `another TEE than TDX (type 0x${teeType.toString(16)})`)
  sure(Buffer.from(vendor).toString('hex') === INTEL_VENDOR, 'another quoting enclave than Intel’s')
  sure(bytes[2] === ECDSA_P256 && bytes[3] === 0, 'another kind of attestation key than ECDSA P-256')
  return `TDX, version ${version}`
}

function judgeQuote({ signed }: Quote, { attestationKey, signature }: Evidence): string {
  sure(isSigned(signed, keyOf(attestationKey), signature), 'the attestation key did not sign this quote')
  return 'signed by the attestation key'
}

function judgeQeReport(evidence: Evidence): string {
  const { qeReport, qeSignature } = evidence
  const { publicKey } = leafOf(evidence)
  sure(isSigned(qeReport, publicKey, qeSignature), 'the platform’s key did not sign the report of the quoting enclave')
  return 'signed by the platform’s key'
}

/** The report data's second half is zeros. */
function judgeBinding({ qe, attestationKey, authData }: Evidence): string {
  const digest = createHash('sha256').update(attestationKey).update(authData).digest()
  const expected = Buffer.concat([digest, Buffer.alloc(32)])
  sure(expected.equals(qe.reportData), 'the quoting enclave vouches for another attestation key')
  return 'the quoting enclave vouches for it'
}

function judgePlatform(evidence: Evidence, { roots, at }: Belief): string {
  judgeChain(evidence.chain, roots, at)
  const { subject } = leafOf(evidence)
  sure(subject.split('\n').includes(`CN=${PLATFORM_NAME}`), 'the chain does not begin with a platform’s certificate')
  return 'ends in the root that is believed'
}

function judgeDebug({ body: { tdAttributes } }: Quote): string {
  sure((tdAttributes[0] ?? 0) === 0, 'the TD is under debug: whoever runs it reads its memory')
  return 'the TD is not under debug'
}

function leafOf({ chain: [leaf] }: Evidence) {
  sure(leaf !== undefined, 'no certificate of the platform')
  return leaf
}

function keyOf(point: Uint8Array): KeyObject {
  const [x, y] = [point.subarray(0, 32), point.subarray(32)].map(half => Buffer.from(half).toString('base64url'))
  return createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: x ?? '', y: y ?? '' }, format: 'jwk' })
}

function isSigned(bytes: Uint8Array, key: KeyObject, signature: Uint8Array): boolean {
  return verify('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }, signature)
}
