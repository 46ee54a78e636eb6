import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { replay } from '../../src/tee/event-log.ts'
import { judgeReport } from '../../src/verify/report.ts'
import { type Intel, intel } from '../kit/intel.ts'
import { givenBy, NONCE } from '../kit/judging.ts'
import { BOOT, COMPOSE, COMPOSE_HASH, logOf, quoteBy, reportBy } from '../kit/quoting.ts'

const ADDRESS = `0x${'ad'.repeat(20)}`
const FINGERPRINT = 'f0'.repeat(32)

interface Told {
  /** What the quote holds in front of the nonce. */
  bound?: string
  nonce?: string
  members?: Readonly<Record<string, unknown>>
}

const hashed = createHash('sha256')
  .update(Buffer.from(ADDRESS.slice(2) + FINGERPRINT, 'hex'))
  .digest('hex')

/** A machine of NEAR AI's kind, as it tells of itself. */
async function machine(maker: Intel, { bound = ADDRESS.slice(2).padEnd(64, '0'), nonce = NONCE, members }: Told = {}) {
  const registers = replay(BOOT).map((value, at) => [`rtmr${at}`, Buffer.from(value).toString('hex')])
  const body = { ...Object.fromEntries(registers), mrConfigId: `01${COMPOSE_HASH}`, reportData: bound + nonce }
  return {
    ...{ signing_address: ADDRESS, signing_algo: 'ecdsa', request_nonce: NONCE, event_log: logOf(BOOT) },
    info: { tcb_info: { app_compose: COMPOSE } },
    intel_quote: (await quoteBy(maker, { body })).toString('hex'),
    ...members,
  }
}

async function judged(told: Told) {
  const maker = await intel()
  const report = { ...(await reportBy(maker, { nonce: NONCE })), model_attestations: [await machine(maker, told)] }
  const { exit, parts } = judgeReport(report, givenBy(maker))
  const checks = parts[1]?.checks ?? []
  return { exit, others: checks.filter(({ outcome }) => outcome !== 'pass').map(({ name }) => name) }
}

const GPUS = JSON.stringify({ nonce: NONCE, evidence_list: [{ nonce: NONCE.toUpperCase() }, {}] })
const OTHER_GPU = { nonce: NONCE, evidence_list: [{ nonce: '00'.repeat(32) }] }
const CASES: Readonly<Record<string, readonly [Told, exit: 0 | 1 | 2, ...others: string[]]>> = {
  'with the address of its key': [{}, 0],
  'with its address and its TLS key, hashed': [{ bound: hashed, members: { tls_cert_fingerprint: FINGERPRINT } }, 0],
  'in the other types that are about': [
    {
      members: { event_log: JSON.stringify(logOf(BOOT)), info: { tcb_info: JSON.stringify({ app_compose: COMPOSE }) } },
    },
    0,
  ],
  'with graphics cards that NVIDIA alone can judge': [{ members: { nvidia_payload: GPUS } }, 0, 'NRAS'],
  'with the graphics cards of another question': [
    { members: { nvidia_payload: OTHER_GPU } },
    1,
    'NVIDIA nonce',
    'NRAS',
  ],
  'for another nonce': [{ nonce: '00'.repeat(32) }, 1, 'nonce'],
  'that says it is for another nonce': [{ members: { request_nonce: '00'.repeat(32) } }, 1, 'nonce'],
  'with another key': [{ members: { signing_address: `0x${'ae'.repeat(20)}` } }, 1, 'report data'],
  'with another TLS key': [{ bound: hashed, members: { tls_cert_fingerprint: '00'.repeat(32) } }, 1, 'report data'],
  'with an address that hides behind a TLS key': [{ members: { tls_cert_fingerprint: FINGERPRINT } }, 1, 'report data'],
  'with an event left out': [{ members: { event_log: logOf(BOOT.slice(1)) } }, 1, 'event log'],
  'with another application': [
    { members: { info: { tcb_info: { app_compose: '{}' } } } },
    1,
    'compose hash',
    'MRCONFIGID',
  ],
  'without a quote': [
    { members: { intel_quote: null } },
    2,
    ...['nonce', 'report data', 'quote', 'debug', 'TD attributes', 'event log', 'MRCONFIGID'],
  ],
}

describe('machines that a backend lists under one of them', () => {
  test.each([
    ['the same one again', {}, 0, 2],
    ['one of the same quote that names another key', { signing_address: `0x${'ae'.repeat(20)}` }, 1, 3],
    ['one of the same quote with another TLS key', { tls_cert_fingerprint: FINGERPRINT }, 1, 3],
  ])('%s', async (_, members, exit, count) => {
    const maker = await intel()
    const one = await machine(maker)
    const listed = { ...one, all_attestations: [{ ...one, ...members }] }
    const report = { ...(await reportBy(maker, { nonce: NONCE })), model_attestations: [listed] }
    const verdict = judgeReport(report, givenBy(maker))
    expect([verdict.exit, verdict.parts.length]).toEqual([exit, count])
  })

  test('more than anybody has are not judged at all', async () => {
    const maker = await intel()
    const report = { ...(await reportBy(maker, { nonce: NONCE })), model_attestations: new Array(257).fill({}) }
    expect(() => judgeReport(report, givenBy(maker))).toThrow('more than 256 machines')
  })
})

describe('a machine of a backend', () => {
  test.each(Object.entries(CASES))('%s', async (_, [told, exit, ...others]) => {
    expect(await judged(told)).toEqual({ exit, others })
  })
})
