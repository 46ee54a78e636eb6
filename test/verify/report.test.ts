import { describe, expect, test } from 'bun:test'
import { keccak_256 } from '@noble/hashes/sha3.js'
import fc from 'fast-check'
import { simulated } from '../../src/tee/quote.ts'
import { INTEL_ROOT } from '../../src/verify/certificates.ts'
import { type Exit, type Given, judgeReport } from '../../src/verify/report.ts'
import { AT, type Intel, intel, type Twist } from '../kit/intel.ts'
import { BOOT, COMPOSE_HASH, own, type ReportTwist, reportBy, SETTINGS, SPKI } from '../kit/quoting.ts'

const NONCE = 'cd'.repeat(32)
const before = new Date('2025-01-01T00:00:00Z')
const after = new Date('2028-01-01T00:00:00Z')
const past = [before, new Date('2026-05-01T00:00:00Z')] as const
const future = [new Date('2026-07-01T00:00:00Z'), after] as const

interface Case {
  intel?: Twist
  report?: Omit<ReportTwist, 'nonce'>
  given?: Partial<Given>
}

const givenBy = (maker: Intel): Given => ({
  nonce: NONCE,
  spki: SPKI,
  expected: {},
  collaterals: [maker.collateral],
  belief: { roots: [maker.root], at: AT },
  second: undefined,
})

async function judged({ intel: twist, report, given }: Case) {
  const maker = await intel(twist)
  return judgeReport(await reportBy(maker, { nonce: NONCE, ...report }), { ...givenBy(maker), ...given })
}

async function failuresOf(story: Case) {
  const { exit, parts } = await judged(story)
  const checks = parts.flatMap(part => part.checks)
  return { exit, failed: checks.filter(({ outcome }) => outcome === 'fail').map(({ name }) => name) }
}

/** What is not checked, and may not be. */
async function untoldIn(story: Case) {
  const { exit, parts } = await judged(story)
  const checks = parts.flatMap(part => part.checks)
  return { exit, untold: checks.filter(({ outcome }) => outcome === 'not checked').map(({ name }) => name) }
}

test('a report that a platform quoted, with a fresh nonce, over this connection, is proved', async () => {
  const { exit, parts } = await judged({ given: { expected: { composeHash: COMPOSE_HASH, settings: SETTINGS } } })
  expect(parts[0]?.checks.filter(({ outcome }) => outcome !== 'pass')).toEqual([])
  expect(exit).toBe(0)
})

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
  'with lists that have ended': [{ intel: { listDates: past } }, 'collateral signatures', 'revocation'],
  'with lists that have not begun': [{ intel: { listDates: future } }, 'collateral signatures', 'revocation'],
  'with documents that have ended': [{ intel: { documentDates: past } }, 'collateral dates'],
  'with documents that have not begun': [{ intel: { documentDates: future } }, 'collateral dates'],
  'with documents without dates': [{ intel: { tcb: { nextUpdate: 'never' } } }, 'collateral dates'],
  'with documents that the platform signed': [{ intel: { signedByPlatform: true } }, 'collateral signatures'],
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

const hidden = [...BOOT.slice(0, 1), own('compose-hash', '00'.repeat(32)), ...BOOT.slice(1)]
const OWN_PART: Readonly<Record<string, readonly [Case, ...failed: string[]]>> = {
  'for another nonce': [{ given: { nonce: 'ee'.repeat(32) } }, 'nonce', 'report data'],
  'over a connection with another key': [{ given: { spki: 'ff'.repeat(32) } }, 'TLS key'],
  'with a statement that was quoted for something else': [{ report: { statement: { purpose: 'other' } } }, 'statement'],
  'with a statement that can be read in two ways': [
    { report: { statement: '{"purpose":"sealgate.report_data.v1","keyset":{},"keyset":{}}' } },
    ...['statement', 'signing address'],
  ],
  'with another statement than is quoted': [
    { report: { members: { statement: '{}' } } },
    'TLS key',
    'statement',
    'report data',
    'signing address',
  ],
  'with other report data than is quoted': [{ report: { members: { report_data: '00'.repeat(64) } } }, 'report data'],
  'that names a key that is not stated': [{ report: { members: { signing_address: '0103' } } }, 'signing address'],
  'that says it is simulated, by a quote that is not': [{ report: { members: { mode: 'simulated' } } }, 'mode'],
  'with an event left out': [{ report: { members: { event_log: '[]' } } }, 'event log', 'compose hash'],
  'with another application than was measured': [
    { report: { members: { app_compose: '{}' } } },
    'compose hash',
    'MRCONFIGID',
  ],
  'with two applications measured': [{ report: { events: hidden } }, 'compose hash'],
  'launched for another application': [{ report: { body: { mrConfigId: `01${'00'.repeat(32)}` } } }, 'MRCONFIGID'],
  'launched for another application, in the second way': [
    { report: { body: { mrConfigId: `02${'00'.repeat(32)}` } } },
    'MRCONFIGID',
  ],
  'of another application than is expected': [
    { given: { expected: { composeHash: '00'.repeat(32) } } },
    'expected compose hash',
  ],
  'with another key than is expected': [
    { given: { expected: { keyset: { ed25519: { public_key: '02' } } } } },
    'expected keyset',
  ],
  'with another setting than is expected': [
    { given: { expected: { settings: { backends: [] } } } },
    'expected settings',
  ],
}

describe('refuted is a report', () => {
  test.each(Object.entries(OWN_PART))('%s', async (_, [story, ...failed]) => {
    expect(await failuresOf(story)).toMatchObject({ exit: 1, failed: expect.arrayContaining(failed) })
    expect((await failuresOf(story)).failed).toHaveLength(failed.length)
  })

  test('whose second verifier disagrees', async () => {
    const second = () => ({ refusal: 'no' })
    expect(await failuresOf({ given: { second } })).toEqual({ exit: 1, failed: ['second opinion'] })
  })
})

const UNTOLD: Readonly<Record<string, readonly [Case, exit: Exit, ...untold: string[]]>> = {
  'without what Intel publishes': [
    { given: { collaterals: [] } },
    2,
    ...['collateral signatures', 'collateral dates', 'revocation', 'quoting enclave identity', 'TCB status'],
  ],
  'over a connection without TLS': [{ given: { spki: undefined } }, 2, 'TLS key'],
  'of a gateway in which TLS does not end': [
    { report: { statement: { keyset: { ed25519: { address: '0102' } } } } },
    2,
    'TLS key',
  ],
  'without a quote': [
    { report: { members: { intel_quote: undefined } } },
    2,
    'report data',
    'quote',
    'debug',
    'TD attributes',
    'event log',
    'MRCONFIGID',
  ],
  'launched in a way of tomorrow': [{ report: { body: { mrConfigId: '03' } } }, 0, 'MRCONFIGID'],
  'whose second verifier cannot read it': [
    { given: { second: () => ({ refusal: 'Failed to decode quote' }) } },
    2,
    'second opinion',
  ],
}

describe('what could not be told is said of a report', () => {
  test.each(Object.entries(UNTOLD))('%s', async (_, [story, exit, ...untold]) => {
    expect(await untoldIn(story)).toEqual({ exit, untold })
  })

  test('that is none', () => {
    expect(() => judgeReport([], {} as Given)).toThrow('the report is no JSON object')
  })

  test('of a gateway whose backend gave none', async () => {
    const maker = await intel()
    const report = {
      ...(await reportBy(maker, { nonce: NONCE })),
      upstream_error: { openai: { code: 'upstream_timeout' } },
    }
    const { exit, parts } = judgeReport(report, givenBy(maker))
    expect([exit, parts[0]?.checks.at(-1)?.name]).toEqual([2, 'backend'])
  })
})

describe('a report that is simulated', () => {
  const simulatedReport = async (mode: string, given: Partial<Given>) => {
    const maker = await intel()
    const { gateway_attestation: own } = await reportBy(maker, { nonce: NONCE, members: { mode } })
    const intel_quote = Buffer.from(simulated(Buffer.from(own.intel_quote, 'hex'))).toString('hex')
    return judgeReport({ gateway_attestation: { ...own, intel_quote } }, { ...givenBy(maker), ...given }).exit
  }

  test('is no more than that, however well all else is', async () => {
    expect(await simulatedReport('simulated', {})).toBe(3)
    expect(await simulatedReport('simulated', { spki: undefined })).toBe(2)
    expect(await simulatedReport('simulated', { spki: 'ff'.repeat(32) })).toBe(1)
  })

  test('and does not say so is refuted', async () => {
    expect(await simulatedReport('dstack', {})).toBe(1)
  })
})

describe('an application named in the second way', () => {
  const provider = JSON.stringify({ name: 'kms', id: 'c0ffee' })
  const events = [...BOOT.slice(0, 2), own('key-provider', Buffer.from(provider).toString('hex')), ...BOOT.slice(2)]
  const named = (kind: number, id: string) =>
    Buffer.from(keccak_256(Buffer.from(`${COMPOSE_HASH}${'11'.repeat(20)}0${kind}${id}`, 'hex'))).toString('hex')

  const rows: readonly (readonly [string, string, Exit])[] = [
    ['with the provider of its keys', named(2, 'c0ffee'), 0],
    ['with none', named(0, ''), 0],
    ['with one that was not measured', named(2, 'c0ffef'), 1],
  ]

  test.each(rows)('%s', async (_, name, exit) => {
    const failed = exit === 0 ? [] : ['MRCONFIGID']
    expect(await failuresOf({ report: { events, body: { mrConfigId: `02${name}` } } })).toEqual({ exit, failed })
  })
})

test('of whatever is in a report, nothing is proved that is not quoted', () => {
  const given: Given = {
    ...{ nonce: NONCE, spki: SPKI, expected: {}, collaterals: [], second: undefined },
    belief: { roots: [INTEL_ROOT], at: AT },
  }
  const name = fc.constantFrom('mode', 'statement', 'intel_quote', 'event_log', 'app_compose', 'request_nonce', 'info')
  const member = fc.oneof(
    fc.json(),
    fc.jsonValue(),
    fc.uint8Array().map(bytes => Buffer.from(bytes).toString('hex')),
  )
  const part = fc.dictionary(name, member)
  const report = fc.record({ gateway_attestation: part, model_attestations: fc.array(part), upstream_error: member })
  fc.assert(fc.property(report, told => [1, 2].includes(judgeReport(told, given).exit)))
})

test('what an application measures when it has started does not say what it is', async () => {
  expect(await failuresOf({ report: { events: [...BOOT, own('compose-hash', '00'.repeat(32))] } })).toEqual({
    exit: 0,
    failed: [],
  })
})
