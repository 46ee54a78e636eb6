import { describe, expect, test } from 'bun:test'
import { INTEL_ROOT } from '../../src/verify/certificates.ts'
import { AT } from '../kit/intel.ts'
import { type Case, failuresOf } from '../kit/judging.ts'

const before = new Date('2025-01-01T00:00:00Z')
const after = new Date('2028-01-01T00:00:00Z')
const past = [before, new Date('2026-05-01T00:00:00Z')] as const
const future = [new Date('2026-07-01T00:00:00Z'), after] as const

const HARDWARE: Readonly<Record<string, readonly [Case, ...failed: string[]]>> = {
  'whose certificate has ended': [{ intel: { leafDates: past } }, 'certificate chain'],
  'whose certificate has not begun': [{ intel: { leafDates: future } }, 'certificate chain'],
  'of another root': [
    { given: { belief: { roots: [INTEL_ROOT], at: AT } } },
    'certificate chain',
    'collateral signatures',
    'revocation',
  ],
  'whose chain is out of order': [
    { intel: { chain: ([leaf = '', authority = '', root = '']) => [authority, leaf, root] } },
    ...['quoting enclave report', 'certificate chain', 'revocation', 'TCB status'],
  ],
  'whose chain lacks its authority': [
    { intel: { chain: ([leaf = '', , root = '']) => [leaf, root] } },
    ...['certificate chain', 'revocation'],
  ],
  'whose chain has one more than there are': [
    { intel: { chain: chain => [...chain, ...chain.slice(-1)] } },
    ...['certificate chain'],
  ],
  'whose certificate names another issuer': [{ intel: { leafIssuer: 'CN=Other' } }, 'certificate chain'],
  'whose certificate is for something else': [{ intel: { leafName: 'Other' } }, 'certificate chain'],
  'whose authority certifies something else': [{ intel: { authorityName: 'Other' } }, 'certificate chain'],
  'whose authority is none': [{ intel: { authorityIsNone: true } }, 'certificate chain', 'revocation'],
  'whose authority is bound in a way that is not understood': [
    { intel: { authorityCritical: true } },
    'certificate chain',
    'revocation',
  ],
  'that is revoked': [{ intel: { revoked: 'leaf' } }, 'revocation'],
  'whose authority is revoked': [{ intel: { revoked: 'authority' } }, 'revocation'],
  'about which a revoked key signed': [{ intel: { revoked: 'signer' } }, 'collateral signatures'],
  'with a forged list of the root': [{ intel: { forgedList: 'root' } }, 'collateral signatures', 'revocation'],
  'with a forged list of platforms': [{ intel: { forgedList: 'platforms' } }, 'revocation'],
  'with lists of another’s name': [{ intel: { listIssuer: 'CN=Other' } }, 'collateral signatures', 'revocation'],
  'with lists of some certificates only': [{ intel: { listIsPartial: true } }, 'collateral signatures', 'revocation'],
  'with something after a signature': [
    { intel: { changed: told => ({ tcb_info_signature: `${told.tcb_info_signature}zz` }) } },
    ...['collateral signatures'],
  ],
  'with lists that have ended': [{ intel: { listDates: past } }, 'collateral signatures', 'revocation'],
  'with lists that have not begun': [{ intel: { listDates: future } }, 'collateral signatures', 'revocation'],
  'with documents that have ended': [{ intel: { documentDates: past } }, 'collateral dates'],
  'with documents that have not begun': [{ intel: { documentDates: future } }, 'collateral dates'],
  'with documents without dates': [{ intel: { tcb: { nextUpdate: 'never' } } }, 'collateral dates'],
  'with documents that the platform signed': [{ intel: { signedByPlatform: true } }, 'collateral signatures'],
  'with documents that another of Intel’s keys signed': [{ intel: { signerName: 'Other' } }, 'collateral signatures'],
  'with a list of platforms that comes with another authority': [
    { intel: { changed: told => ({ pck_crl_issuer_chain: told.tcb_info_issuer_chain }) } },
    'revocation',
  ],
  'of another kind than its document': [{ intel: { leafFmspc: 'ffffffffffff' } }, 'TCB status'],
  'of another PCE than its document': [{ intel: { leafPceId: '0001' } }, 'TCB status'],
  'judged by what Intel publishes about another': [{ intel: { tcb: { fmspc: '90C06F000000' } } }, 'TCB status'],
  'with a document about SGX': [{ intel: { tcb: { id: 'SGX' } } }, 'TCB status'],
  'that is out of date': [{ report: { body: { teeTcbSvn: `0501${'00'.repeat(14)}` } } }, 'TCB status'],
  'whose TDX module is another’s': [{ report: { body: { mrSignerSeam: '01'.repeat(48) } } }, 'TCB status'],
  'whose TDX module has other attributes': [{ report: { body: { seamAttributes: '01'.repeat(8) } } }, 'TCB status'],
  'whose TDX module is unheard of': [{ report: { body: { teeTcbSvn: `0509${'02'.repeat(14)}` } } }, 'TCB status'],
  'whose TDX module is too old': [{ report: { body: { teeTcbSvn: `0401${'02'.repeat(14)}` } } }, 'TCB status'],
  'whose quoting enclave is another’s': [{ report: { qe: { mrSigner: 'dd'.repeat(32) } } }, 'quoting enclave identity'],
  'whose quoting enclave is under debug': [
    { report: { qe: { attributes: '1300000000000000' } } },
    'quoting enclave identity',
  ],
  'whose quoting enclave is too old': [{ report: { qe: { svn: 3 } } }, 'quoting enclave identity'],
  'whose quoting enclave is out of date': [
    { intel: { qe: { tcbLevels: [{ tcb: { isvsvn: 1 }, tcbStatus: 'OutOfDate' }] } } },
    ...['quoting enclave identity'],
  ],
  'with the identity of another enclave': [{ intel: { qe: { id: 'QE' } } }, 'quoting enclave identity'],
  'of no TEE, though it is signed': [{ report: { head: '04000200ffffffff' } }, 'quote header'],
  'with another kind of key': [{ report: { head: '0400030081000000' } }, 'quote header'],
  'with another vendor’s quoting enclave': [{ report: { vendor: '00'.repeat(16) } }, 'quote header'],
  'whose signature is forged': [{ report: { isForged: true } }, 'quote signature'],
  'whose key nobody vouches for': [{ report: { isUnbound: true } }, 'attestation key'],
  'under debug': [{ report: { body: { tdAttributes: '0100001000000000' } } }, 'debug'],
  'whose memory the host may swap': [{ report: { body: { tdAttributes: '00'.repeat(8) } } }, 'TD attributes'],
  'that can be migrated': [{ report: { body: { tdAttributes: '0000003000000000' } } }, 'TD attributes'],
}

describe('refuted is a platform', () => {
  test.each(Object.entries(HARDWARE))('%s', async (_, [story, ...failed]) => {
    expect(await failuresOf(story)).toEqual({ exit: 1, failed })
  })
})
