import { verify, type X509Certificate } from 'node:crypto'
import type { Collateral } from '../tee/collateral.ts'
import { type Belief, commonNameOf, day, judgeChain, nameOf, readChain } from './certificates.ts'
import { sure } from './check.ts'
import { judgeCrl, judgeUnrevoked, type RevocationList, readCrl } from './crl.ts'

const MEMBERS: readonly (keyof Collateral)[] = [
  'pck_crl_issuer_chain',
  'root_ca_crl',
  'pck_crl',
  'tcb_info_issuer_chain',
  'tcb_info',
  'tcb_info_signature',
  'qe_identity_issuer_chain',
  'qe_identity',
  'qe_identity_signature',
]
const TCB_SIGNER = 'Intel SGX TCB Signing'
/** One that signs, and the root. */
const SIGNERS = 2

/** Reads collateral. @throws Wrong where a member is missing */
export function readCollateral(given: unknown): Collateral {
  const told = Object(given)
  const missing = MEMBERS.find(name => typeof told[name] !== 'string')
  sure(missing === undefined, `collateral without ${missing}`)
  return Object.fromEntries(MEMBERS.map(name => [name, told[name]])) as Record<keyof Collateral, string>
}

/** Whether Intel signed both documents, by certificates in force and not revoked. @throws Wrong saying what is not so */
export function judgeSignatures(collateral: Collateral, belief: Belief): string {
  const rootCrl = crlIn(collateral.root_ca_crl)
  for (const which of ['tcb_info', 'qe_identity'] as const) {
    const chain = readChain(collateral[`${which}_issuer_chain`])
    const [signer, root] = chain
    judgeChain(chain, SIGNERS, belief)
    sure(signer !== undefined && commonNameOf(signer) === TCB_SIGNER, `${which} is signed by something else's key`)
    sure(root !== undefined, `nobody answers for the signer of ${which}`)
    judgeCrl(rootCrl, root, belief.at)
    judgeUnrevoked(rootCrl, signer)
    const signature = bytesOf(collateral[`${which}_signature`], 'a signature')
    const key = { key: signer.publicKey, dsaEncoding: 'ieee-p1363' } as const
    sure(verify('sha256', Buffer.from(collateral[which]), key, signature), `${which} is not what was signed`)
  }
  return 'TCB info and QE identity are signed by Intel'
}

/** Whether both documents are in force. @throws Wrong saying which is not */
export function judgeDates(collateral: Collateral, { at }: Belief): string {
  const ends = (['tcb_info', 'qe_identity'] as const).map(which => {
    const { issueDate, nextUpdate } = Object(JSON.parse(collateral[which]))
    const [from, to] = [Date.parse(issueDate), Date.parse(nextUpdate)]
    // Of what is no date nothing is true.
    sure(from <= at && at <= to, `${which} is not in force: from ${day(from)} to ${day(to)}`)
    return to
  })
  return `in force until ${day(Math.min(...ends))}`
}

/**
 * Whether neither the platform nor its authority is revoked, by lists that their authorities signed and that are in force.
 * @throws Wrong saying what is not so
 */
export function judgeRevocation(collateral: Collateral, chain: readonly X509Certificate[], belief: Belief): string {
  const { at } = belief
  const [platform, authority, root] = chain
  sure(platform !== undefined && authority !== undefined && root !== undefined, 'the chain has no authority')
  const listers = readChain(collateral.pck_crl_issuer_chain)
  judgeChain(listers, SIGNERS, belief)
  const [lister] = listers
  sure(lister !== undefined && isSame(lister, authority), 'the list of platforms is another authority’s')
  const [rootCrl, platformCrl] = [crlIn(collateral.root_ca_crl), crlIn(collateral.pck_crl)]
  judgeCrl(rootCrl, root, at)
  judgeCrl(platformCrl, authority, at)
  judgeUnrevoked(rootCrl, authority)
  judgeUnrevoked(platformCrl, platform)
  return `${commonNameOf(platform)} and ${commonNameOf(authority)} are not revoked`
}

/** The same authority may have had its certificate made anew. */
function isSame(one: X509Certificate, other: X509Certificate): boolean {
  return nameOf(one, 'subject').equals(nameOf(other, 'subject')) && one.publicKey.equals(other.publicKey)
}

function crlIn(hex: string): RevocationList {
  return readCrl(bytesOf(hex, 'a revocation list'))
}

/** Nothing is left over: what is not read is not signed either. */
function bytesOf(hex: string, what: string): Buffer {
  sure(/^(?:[\da-f]{2})+$/i.test(hex), `${what} that is no hex`)
  return Buffer.from(hex, 'hex')
}
