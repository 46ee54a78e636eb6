import { afterEach, describe, expect } from 'bun:test'
import type { JWK } from 'jose'
import { withCorpus } from '../kit/data.ts'
import { type Stage, sieges } from '../kit/siege.ts'

interface Vector {
  tcId: number
  comment: string
  /** Compact, or the object of a JSON serialization. */
  jws?: unknown
  jwe?: unknown
  result: 'valid' | 'invalid'
}

interface Vectors {
  testGroups: { comment: string; public?: KeyOrSet; private: KeyOrSet; tests: Vector[] }[]
}

type Entry = JWK & { kid?: string }
type KeyOrSet = Entry | { keys: Entry[] }

const { lay, lift } = sieges()
afterEach(lift)

const membersOf = (keys: KeyOrSet): Entry[] =>
  'keys' in keys && Array.isArray(keys.keys) ? keys.keys : [keys as Entry]

/** The header a vector shows, as any reader of it would read it. */
function headerOf(token: string): { alg?: string; kid?: string } {
  try {
    return Object(JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()))
  } catch {
    return {}
  }
}

/**
 * Where a vector must end, told from the vector. Its signature is only a matter of ES256 (a P-256 key that may verify,
 * named by the header); then `result` decides, and what is valid reaches its claims, which are never a JWT's here.
 */
function verdictOn({ jws, result }: Vector, entries: Entry[], comment: string): Stage {
  if (typeof jws !== 'string') return 'form'
  const { alg, kid } = headerOf(jws)
  const isSigningKey = ({ kty, crv, use, key_ops, alg: named }: Entry) =>
    kty === 'EC' &&
    crv === 'P-256' &&
    use !== 'enc' &&
    (key_ops === undefined || key_ops.includes('verify')) &&
    (named === undefined || named === 'ES256')
  if (jws.split('.').length !== 3 || alg !== 'ES256' || !kid) return 'form'
  if (comment === 'invalid_point' || !entries.some(entry => isSigningKey(entry) && entry.kid === kid)) return 'key'
  return result === 'valid' ? 'claims' : 'signature'
}

/** Sends every vector of a file, its group's keys published as they are, and compares where each ended. */
async function sendAll({ testGroups }: Vectors): Promise<{ sent: number; reached: number[] }> {
  const reached: number[] = []
  let sent = 0
  for (const { comment, tests, ...keys } of testGroups) {
    const entries = membersOf(keys.public ?? keys.private)
    const siege = await lay({ entries: ({ jwk }) => [...entries, jwk] })
    const expected: unknown[] = []
    const found: unknown[] = []
    for (const vector of tests) {
      const name = `${comment} ${vector.tcId} ${vector.comment}`
      const token = vector.jws ?? vector.jwe ?? ''
      const { stage } = await siege.repels(typeof token === 'string' ? token : JSON.stringify(token))
      if (stage === 'claims') reached.push(vector.tcId)
      found.push([name, stage])
      expected.push([name, verdictOn(vector, entries, comment)])
      sent++
    }
    expect(found).toEqual(expected)
    await lift()
  }
  return { sent, reached }
}

describe('of the vectors of Wycheproof, the valid ones with a P-256 key get as far as their claims, and no other:', () => {
  withCorpus<Vectors>('wycheproof/json_web_signature_test.json', 'JSON Web Signature', async vectors => {
    expect(await sendAll(vectors)).toEqual({ sent: 401, reached: [18, 378] })
  })

  withCorpus<Vectors>('wycheproof/json_web_key_test.json', 'JSON Web Key', async vectors => {
    expect(await sendAll(vectors)).toEqual({ sent: 26, reached: [] })
  })

  withCorpus<Vectors>('wycheproof/json_web_crypto_test.json', 'JSON Web Crypto', async vectors => {
    expect(await sendAll(vectors)).toEqual({ sent: 83, reached: [18] })
  })
})

interface Recipe {
  input: { key: Entry | Entry[] }
  output: Record<string, unknown>
}

const COOKBOOK = [
  '4.2.hmac-sha2_b64_false',
  '4_1.rsa_v15_signature',
  '4_3.ecdsa_signature',
  '4_4.hmac-sha2_integrity_protection',
  '4_5.signature_with_detached_content',
  '4_6.protecting_specific_header_fields',
  '4_7.protecting_content_only',
  '4_8.multiple_signatures',
]

describe('of the JOSE cookbook, no serialization gets past its form, its keys published or not:', () => {
  for (const name of COOKBOOK) {
    withCorpus<Recipe>(`jose-cookbook/${name}.json`, name, async ({ input, output }) => {
      const siege = await lay({ entries: ({ jwk }) => [...[input.key].flat(), jwk] })
      const serializations = Object.values(output)
      expect(serializations.length).toBeGreaterThan(0)
      for (const value of serializations) {
        // A header holds no character beyond Latin-1; these JSON texts have none.
        const text = typeof value === 'string' ? value : JSON.stringify(value)
        expect((await siege.repels(text)).stage).toBe('form')
        expect((await siege.repels(Buffer.from(text).toString('base64url'))).stage).toBe('form')
      }
    })
  }
})

interface Examples {
  cases: { id: string; token: string; expect: string; signature_valid?: boolean }[]
}

/** The key of RFC 7515 appendix A.3.1, under an id that its token does not name. */
const RFC_KEY = {
  kty: 'EC',
  crv: 'P-256',
  kid: 'A.3',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
}

describe('of the RFCs,', () => {
  withCorpus<Examples>(
    'jose-cookbook/rfc-examples.json',
    'no example is let in, the signed ES256 one for its kid',
    async ({ cases }) => {
      expect(cases).toHaveLength(4)
      for (const entries of [[RFC_KEY], [{ ...RFC_KEY, kid: undefined }], [{ ...RFC_KEY, kid: '' }]]) {
        const siege = await lay({ entries: ({ jwk }) => [...entries, jwk] })
        for (const { token, signature_valid } of cases) {
          const { stage, message } = await siege.repels(token)
          expect(stage).toBe('form')
          expect(message.includes('kid')).toBe(signature_valid === true)
        }
      }
    },
  )
})
