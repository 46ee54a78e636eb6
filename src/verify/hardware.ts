import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import type { Collateral } from '../tee/collateral.ts'
import { parseQuote, type Quote, SIMULATED } from '../tee/quote.ts'
import { type Belief, commonNameOf, judgeChain } from './certificates.ts'
import { type Check, check, sure, Untold } from './check.ts'
import { judgeDates, judgeRevocation, judgeSignatures } from './collateral.ts'
import { type Evidence, readEvidence } from './evidence.ts'
import { platformOf } from './pck.ts'
import { judgeQe, judgeTcb } from './tcb.ts'

const INTEL_VENDOR = '939a7233f79c4ca9940a0db3957f0607'
const ECDSA_P256 = 2
const PLATFORM_NAME = 'Intel SGX PCK Certificate'
const AUTHORITIES: ReadonlySet<string> = new Set(['Intel SGX PCK Platform CA', 'Intel SGX PCK Processor CA'])
/** The platform's own, its authority's, and the root. */
const PLATFORM_CHAIN = 3

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
    if (!collateral)
      throw new Untold('what Intel publishes about this machine is missing: give --pccs URL or --collateral FILE')
    return collateral
  }
  return [
    check('quote header', () => judgeHeader(quote(), bytes)),
    check('quote signature', () => judgeQuote(quote(), evidence())),
    check('quoting enclave report', () => judgeQeReport(evidence())),
    check('attestation key', () => judgeBinding(evidence())),
    check('certificate chain', () => judgePlatform(evidence(), belief)),
    check('collateral signatures', () => judgeSignatures(needed(), belief)),
    check('collateral dates', () => judgeDates(needed(), belief)),
    check('revocation', () => judgeRevocation(needed(), evidence().chain, belief)),
    check('quoting enclave identity', () => judgeQe(needed().qe_identity, evidence().qe)),
    check('TCB status', () => judgeTcb(needed().tcb_info, quote(), platformOf(leafOf(evidence())))),
  ]
}

/** Whether the TD that a quote is about is closed to those who run it. */
export function attributeChecks(read: () => Uint8Array): readonly Check[] {
  const quote = () => parseQuote(read())
  return [check('debug', () => judgeDebug(quote())), check('TD attributes', () => judgeAttributes(quote()))]
}

function judgeHeader({ version, teeType, vendor }: Quote, bytes: Uint8Array): string {
  sure(teeType !== SIMULATED, 'simulated: no TEE made this')
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

function judgePlatform(evidence: Evidence, belief: Belief): string {
  judgeChain(evidence.chain, PLATFORM_CHAIN, belief)
  const [authority] = evidence.chain.slice(1)
  const isPlatform = commonNameOf(leafOf(evidence)) === PLATFORM_NAME
  sure(
    isPlatform && authority !== undefined && AUTHORITIES.has(commonNameOf(authority)),
    'these are not the certificates of a platform',
  )
  return 'ends in the root that is believed'
}

function judgeDebug({ body: { tdAttributes } }: Quote): string {
  sure((tdAttributes[0] ?? 0) === 0, 'the TD is under debug: whoever runs it reads its memory')
  return 'the TD is not under debug'
}

// Intel TDX module ABI, section on TD_PARAMS: of the bits that leave a TD closed, those that production may set.
const SEPT_VE_DISABLE = 1n << 28n
const HARMLESS = SEPT_VE_DISABLE | (1n << 30n) | (1n << 31n) | (1n << 63n)

/** A TD that can be migrated, or that a service TD attends, is open to what that other TD does. */
function judgeAttributes({ body, serviceTd }: Quote): string {
  const attributes = Buffer.from(body.tdAttributes).readBigUInt64LE()
  const others = attributes & ~HARMLESS & ~0xffn
  sure(
    (attributes & SEPT_VE_DISABLE) !== 0n,
    'the host may swap the TD’s memory for other pages unseen (SEPT_VE_DISABLE)',
  )
  sure(others === 0n, `attributes of the TD that are not understood (0x${others.toString(16)})`)
  sure(serviceTd?.every(byte => byte === 0) ?? true, 'another TD attends this one, of which nothing is known')
  return 'no attribute opens the TD, and no other TD attends it'
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
