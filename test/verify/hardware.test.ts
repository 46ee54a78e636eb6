import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { verify } from '@phala/dcap-qvl'
import type { Collateral } from '../../src/tee/collateral.ts'
import { INTEL_ROOT } from '../../src/verify/certificates.ts'
import { readCollateral } from '../../src/verify/collateral.ts'
import { attributeChecks, hardwareChecks } from '../../src/verify/hardware.ts'
import { secondOpinion } from '../../src/verify/second-opinion.ts'
import { flips } from '../kit/flips.ts'

const folder = `${process.env['SEALGATE_TEST_DATA']}/fixtures/tdx`
const isThere = existsSync(folder)
const file = (name: string) => readFileSync(`${folder}/${name}`)
const collateralOf = (name: string) => readCollateral(JSON.parse(file(name).toString()))
const quoteInReport = () => Buffer.from(JSON.parse(file('quote-report.json').toString()).quote, 'hex')

interface Judged {
  quote: Buffer
  collateral: Collateral
  at: number
}

function failedIn({ quote, collateral, at }: Judged): Readonly<Record<string, string>> {
  const checks = hardwareChecks({ quote, collateral, belief: { roots: [INTEL_ROOT], at } })
  return Object.fromEntries(checks.flatMap(({ name, outcome, why }) => (outcome === 'pass' ? [] : [[name, why]])))
}

const second = await secondOpinion()
const SUMMER = Date.parse('2025-07-01')
const WINTER = Date.parse('2026-03-01')
const fresh = (): Judged => ({
  quote: file('tdx_quote'),
  collateral: collateralOf('tdx_quote_collateral.json'),
  at: SUMMER,
})
const newer = () => ({ collateral: collateralOf('tdx_quote_outdated_collateral.json'), at: WINTER })

describe.skipIf(!isThere)(`quotes of real machines, under Intel's root${isThere ? '' : ' [no test data]'}`, () => {
  test.each([
    ['of version 4', fresh],
    ['of dstack', () => ({ quote: quoteInReport(), ...newer() })],
  ])('%s is up to date, and the second verifier says so too', (_, given) => {
    const judged = given()
    expect(failedIn(judged)).toEqual({})
    expect(second(judged.quote, judged.collateral, judged.at)).toEqual({ status: 'UpToDate' })
  })

  test('of version 5 reaches no level, and is signed well; the second verifier cannot read it', () => {
    const judged = { quote: file('tdx_quote_outdated'), ...newer() }
    expect(failedIn(judged)).toEqual({ 'TCB status': 'no matching TCB level' })
    expect(second(judged.quote, judged.collateral, judged.at)).toEqual({ refusal: 'Failed to decode quote' })
  })

  test('of a TD that another attends is refused', () => {
    const quote = file('tdx_quote_outdated')
    const failed = (bytes: Buffer) => attributeChecks(() => bytes).filter(({ outcome }) => outcome === 'fail')
    expect(failed(quote)).toEqual([])
    // The last of the body's 48 bytes for it.
    quote[54 + 647] = 1
    expect(failed(quote)).toMatchObject([{ name: 'TD attributes', why: expect.stringContaining('another TD attends') }])
  })

  test('of SGX is refused', () => {
    const judged = { quote: file('sgx_quote'), collateral: collateralOf('sgx_quote_collateral.json'), at: SUMMER }
    expect(failedIn(judged)['quote header']).toContain('a quote of version 3')
  })

  test('is refused a year later, by the lists and the documents that have ended', () => {
    const failed = Object.keys(failedIn({ ...fresh(), at: Date.parse('2026-07-01') }))
    expect(failed).toEqual(['collateral signatures', 'collateral dates', 'revocation'])
  })

  test('is refused with what Intel publishes about another machine', () => {
    const { collateral } = newer()
    expect(Object.keys(failedIn({ ...fresh(), collateral }))).toContain('TCB status')
  })
})

// Version 0.3.3 has a root and an authority of its own, and does not look at the identity of the quoting enclave.
const UNSEEN =
  /^(quote: certificate 3|pck_crl_issuer_chain|(tcb_info|qe_identity)_issuer_chain: certificate 2|qe_identity)/
const flipped = isThere ? flips(fresh().quote, fresh().collateral) : []

describe.skipIf(!isThere)(`one flipped bit is refused${isThere ? '' : ' [no test data]'}`, () => {
  test.each(flipped.map(flip => [flip.name, flip] as const))('in %s', (name, { quote, collateral }) => {
    expect(Object.keys(failedIn({ quote, collateral, at: SUMMER }))).not.toEqual([])
    expect(second(quote, collateral, SUMMER).status === 'UpToDate').toBe(UNSEEN.test(name))
  })
})

const BROKEN: Readonly<Record<string, (collateral: Collateral) => Partial<Collateral>>> = {
  'that are garbage': () => ({ root_ca_crl: '00', pck_crl: '00' }),
  'that are empty': () => ({ root_ca_crl: '', pck_crl: '' }),
  'whose signature is another': ({ pck_crl: list }) => ({
    pck_crl: `${list.slice(0, -2)}${list.endsWith('00') ? '01' : '00'}`,
  }),
}

describe.skipIf(!isThere)(`lists of what is revoked${isThere ? '' : ' [no test data]'}`, () => {
  test.each(Object.entries(BROKEN))('%s are refused, which a verifier in JavaScript alone does not', (_, breaking) => {
    const { quote, collateral: whole, at } = fresh()
    const collateral = { ...whole, ...breaking(whole) }
    expect(Object.keys(failedIn({ quote, collateral, at }))).toContain('revocation')
    expect(second(quote, collateral, at).status).toBeUndefined()
    expect(verify(quote, { ...collateral, ...bytesIn(collateral) }, at / 1000).status).toBe('UpToDate')
  })
})

/** That one takes some of them as bytes. */
function bytesIn(collateral: Collateral) {
  const names = ['root_ca_crl', 'pck_crl', 'tcb_info_signature', 'qe_identity_signature'] as const
  return Object.fromEntries(names.map(name => [name, Buffer.from(collateral[name], 'hex')]))
}
