import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { standInAgent } from '../../src/dev/agent.ts'
import { Problem } from '../../src/protocol/problem.ts'
import { agent } from '../../src/tee/agent.ts'
import { BODY_FIELDS, parseQuote, SIMULATED, simulated } from '../../src/tee/quote.ts'
import { withTdx } from '../kit/tdx.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const { quote: ours } = await agent(standInAgent({ seed: 'quotes' }).reach).quote(new Uint8Array(64).fill(3))
/** The bytes in front of the signature's length, in version 4. */
const SIGNED = 632

function refusalOf(bytes: Uint8Array): string | undefined {
  try {
    parseQuote(bytes)
  } catch (error) {
    if (error instanceof Problem) return `${error.code}: ${/\((.*)\)/.exec(error.message)?.[1]}`
    throw error
  }
  return undefined
}

const changed = (at: number, ...bytes: number[]) => {
  const copy = new Uint8Array(ours)
  copy.set(bytes, at)
  return copy
}

describe('quotes of real machines', () => {
  withTdx('tdx_quote', 'one of version 4 is taken apart, to the byte', bytes => {
    const { version, teeType, vendor, body, signed, signature } = parseQuote(bytes)
    expect([version, teeType, hex(vendor)]).toEqual([4, 0x81, '939a7233f79c4ca9940a0db3957f0607'])
    expect([signed.length, signature.length]).toEqual([SIGNED, bytes.length - SIGNED])
    expect(hex(body.reportData)).toBe(hex(bytes.subarray(568, 632)))
    expect(hex(body.rtmr3)).toBe(hex(bytes.subarray(520, 568)))
    expect(hex(body.mrTd)).toBe(hex(bytes.subarray(184, 232)))
  })

  withTdx('tdx_quote_outdated', 'one of version 5, with the body of TD 1.5, too', bytes => {
    const { version, teeType, body, signed } = parseQuote(bytes)
    expect([version, teeType, signed.length]).toEqual([5, 0x81, 54 + 648])
    expect(hex(body.reportData)).toBe(hex(bytes.subarray(574, 638)))
    expect(hex(body.rtmr0)).toBe(hex(bytes.subarray(382, 430)))
  })

  withTdx('sgx_quote', 'one of SGX is refused', bytes => {
    expect(refusalOf(bytes)).toBe('agent_failed: a quote of version 3')
  })
})

describe('what is no quote of a TD', () => {
  test.each<[string, Uint8Array, string]>([
    ['of version 3', changed(0, 3), 'a quote of version 3'],
    ['of SGX in version 4', changed(4, 0, 0, 0, 0), 'a quote of another TEE'],
    ['of version 5 with the body of an enclave', changed(0, 5, 0), 'a quote with the body of something else'],
    ['without its last byte', ours.subarray(0, -1), 'a quote that is cut short'],
    ['without the length of its signature', ours.subarray(0, SIGNED + 3), 'a quote that is cut short'],
    [
      'of a signature longer than all that follows',
      changed(SIGNED, 0xff, 0xff, 0xff, 0xff),
      'a quote that is cut short',
    ],
    ['of nothing', new Uint8Array(), 'a quote that is cut short'],
  ])('%s', (_, bytes, why) => {
    expect(refusalOf(bytes)).toBe(`agent_failed: ${why}`)
  })

  test('any bytes are taken apart or refused, and nothing else', () => {
    const headers = fc.constantFrom([4, 0x81], [5, 0x81], [4, 0xff], [3, 0x81])
    const descriptors = fc.constantFrom([2, 584], [3, 648], [3, 584], [1, 384])
    const made = fc
      .tuple(headers, descriptors, fc.uint8Array({ minLength: 0, maxLength: 900 }))
      .map(([[version = 0, type = 0], [kind = 0, length = 0], bytes]) => {
        const view = new DataView(bytes.buffer)
        if (bytes.length < 54) return bytes
        view.setUint16(0, version, true)
        view.setUint32(4, type === 0xff ? SIMULATED : type, true)
        if (version === 5) view.setUint16(48, kind, true)
        if (version === 5) view.setUint32(50, length, true)
        return bytes
      })
    fc.assert(
      fc.property(fc.oneof(made, fc.uint8Array({ maxLength: 2000 })), bytes => {
        if (refusalOf(bytes) !== undefined) return
        const { body, signed, signature } = parseQuote(bytes)
        expect(hex(Buffer.concat([signed, signature]))).toBe(hex(bytes))
        for (const [name, length] of BODY_FIELDS) expect(body[name].length).toBe(length)
      }),
    )
  })
})

test('a simulated quote is the same but for what its header says it is, and the one it is made of stays', () => {
  const real = new Uint8Array(ours)
  new DataView(real.buffer).setUint32(4, 0x81, true)
  real.fill(0x93, 12, 28)
  const before = hex(real)
  const { teeType, vendor } = parseQuote(simulated(real))
  expect([teeType, hex(vendor), hex(real)]).toEqual([SIMULATED, '00'.repeat(16), before])
  const kept = (bytes: Uint8Array) => hex(bytes.subarray(0, 4)) + hex(bytes.subarray(8, 12)) + hex(bytes.subarray(28))
  expect(kept(simulated(real))).toBe(kept(real))
})
