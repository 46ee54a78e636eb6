import { describe, expect, test } from 'bun:test'
import { keccak_256 } from '@noble/hashes/sha3.js'
import fc from 'fast-check'
import { simulated } from '../../src/tee/quote.ts'
import { INTEL_ROOT } from '../../src/verify/certificates.ts'
import { type Exit, type Given, judgeReport } from '../../src/verify/report.ts'
import { AT, intel } from '../kit/intel.ts'
import { type Case, failuresOf, givenBy, judged, NONCE } from '../kit/judging.ts'
import { BOOT, COMPOSE_HASH, own, reportBy, SETTINGS, SPKI } from '../kit/quoting.ts'

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

test('it is said whether the key of TLS came from outside the TEE', async () => {
  const seen = async (TLS: string) => {
    const { parts } = await judged({ report: { statement: { settings: { TLS } } } })
    return parts[0]?.checks.find(({ name }) => name === 'TLS key')
  }
  expect(await seen('dstack')).toMatchObject({ outcome: 'pass', why: expect.not.stringContaining('file') })
  expect(await seen('off')).toMatchObject({ outcome: 'pass', why: expect.stringContaining('file') })
})

const twice = [...BOOT.slice(0, 2), own('compose-hash', '00'.repeat(32)), ...BOOT.slice(2)]
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
  'whose quote is about something else': [{ report: { body: { reportData: '00'.repeat(64) } } }, 'report data'],
  'with other report data than is quoted': [{ report: { members: { report_data: '00'.repeat(64) } } }, 'report data'],
  'that names a key that is not stated': [{ report: { members: { signing_address: '0103' } } }, 'signing address'],
  'that says it is simulated, by a quote that is not': [{ report: { members: { mode: 'simulated' } } }, 'mode'],
  'with an event left out': [{ report: { members: { event_log: '[]' } } }, 'event log', 'compose hash'],
  'with another application than was measured': [
    { report: { members: { app_compose: '{}' } } },
    'compose hash',
    'MRCONFIGID',
  ],
  'with two applications measured': [{ report: { events: twice } }, 'compose hash'],
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
    { given: { collaterals: [], second: () => ({ status: 'UpToDate' }) } },
    2,
    ...[
      'collateral signatures',
      'collateral dates',
      'revocation',
      'quoting enclave identity',
      'TCB status',
      'second opinion',
    ],
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
