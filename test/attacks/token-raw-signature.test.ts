import { describe, expect } from 'bun:test'
import { isSigned } from '../../src/gate/tokens.ts'
import { withCorpus } from '../kit/data.ts'

interface Vectors {
  numberOfTests: number
  testGroups: {
    publicKeyDer: string
    tests: { tcId: number; comment: string; msg: string; sig: string; result: 'valid' | 'invalid' }[]
  }[]
}

/** Which of the vectors the verifier takes for signed, and which `result` says it should. */
async function judge({ testGroups }: Vectors) {
  const taken: string[] = []
  const valid: string[] = []
  let judged = 0
  for (const { publicKeyDer, tests } of testGroups) {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
    const key = await crypto.subtle.importKey('spki', Buffer.from(publicKeyDer, 'hex'), algorithm, false, ['verify'])
    for (const { tcId, comment, msg, sig, result } of tests) {
      const name = `${tcId} ${comment}`
      if (await isSigned(key, Buffer.from(sig, 'hex'), Buffer.from(msg, 'hex'))) taken.push(name)
      if (result === 'valid') valid.push(name)
      judged++
    }
  }
  return { taken, valid, judged }
}

describe('a raw signature of Wycheproof', () => {
  const p1363 = 'wycheproof/ecdsa_secp256r1_sha256_p1363_test.json'
  withCorpus<Vectors>(p1363, 'in the form of ES256 (r ‖ s) is taken exactly where it is valid', async vectors => {
    const { taken, valid, judged } = await judge(vectors)
    expect([judged, valid.length]).toEqual([262, 173])
    expect(taken).toEqual(valid)
  })

  const der = 'wycheproof/ecdsa_secp256r1_sha256_test.json'
  withCorpus<Vectors>(der, 'in DER is never taken, valid or not', async vectors => {
    const { taken, valid, judged } = await judge(vectors)
    expect([judged, valid.length]).toEqual([484, 174])
    expect(taken).toEqual([])
  })
})
