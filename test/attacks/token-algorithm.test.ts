import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHmac, createPublicKey, createSign, generateKeyPairSync, sign } from 'node:crypto'
import { part } from '../kit/jwt.ts'
import { type Siege, sieges } from '../kit/siege.ts'

const { lay, lift } = sieges()
let siege: Siege
beforeAll(async () => {
  siege = await lay()
})
afterAll(lift)

const signedPart = (header: object) => `${part({ typ: 'JWT', kid: 'good', ...header })}.${part(siege.claims())}`
const mac = (algorithm: string, key: Uint8Array | string, data: string) =>
  createHmac(algorithm, key).update(data).digest('base64url')

/** Every way in which somebody may have written the issuer's public key where a shared secret is expected. */
function spellings(): Record<string, Buffer> {
  const { jwk } = siege.issuer
  const key = createPublicKey({ key: { ...jwk }, format: 'jwk' })
  const pem = key.export({ type: 'spki', format: 'pem' }).toString()
  const [x, y] = [jwk.x ?? '', jwk.y ?? ''].map(text => Buffer.from(text, 'base64url'))
  if (!x || !y) throw new Error('a key without coordinates')
  const { kty, crv } = jwk
  const spellings = {
    'SPKI PEM': pem,
    'SPKI PEM without its last line break': pem.trimEnd(),
    'SPKI PEM with CRLF': pem.replaceAll('\n', '\r\n'),
    'SPKI PEM without its frame': pem.replaceAll(/-----[^-]+-----|\n/g, ''),
    'SPKI DER': key.export({ type: 'spki', format: 'der' }),
    'JWK as published': JSON.stringify(jwk),
    'JWK with the required members': JSON.stringify({ crv, kty, x: jwk.x, y: jwk.y }),
    'JWK set': JSON.stringify({ keys: [jwk] }),
    'raw point': Buffer.concat([Buffer.of(4), x, y]),
    'raw point without its mark': Buffer.concat([x, y]),
    'compressed point': Buffer.concat([Buffer.of(2 + ((y.at(-1) ?? 0) & 1)), x]),
    x: x,
    y: y,
    'x in base64url': jwk.x ?? '',
    'y in base64url': jwk.y ?? '',
    kid: 'good',
    nothing: '',
  }
  return Object.fromEntries(Object.entries(spellings).map(([name, value]) => [name, Buffer.from(value)]))
}

describe('a token that names no algorithm', () => {
  test.each<[string, unknown]>([
    ['none', 'none'],
    ['None', 'None'],
    ['NONE', 'NONE'],
    ['nOnE', 'nOnE'],
    ['none and a blank', 'none '],
    ['an empty text', ''],
    ['nothing at all', undefined],
    ['null', null],
    ['a list', ['ES256']],
    ['a list of two', ['none', 'ES256']],
    ['an object', { alg: 'ES256' }],
    ['a number', 256],
    ['true', true],
    ['lower case', 'es256'],
    ['a NUL at its end', 'ES256\0'],
    ['a line break', 'ES256\n'],
  ])('of the right kind (%s) is refused for it, whatever its signature', async (_, alg) => {
    const good = await siege.issuer.sign(siege.claims(), { alg })
    const unsigned = good.slice(0, good.lastIndexOf('.') + 1)
    for (const token of [good, unsigned, `${unsigned}AA`, `${unsigned}${'A'.repeat(86)}`, unsigned.slice(0, -1)])
      expect((await siege.repels(token)).stage).toBe('form')
    expect((await siege.repels(good)).message).toBe('Malformed token: only alg ES256 is accepted.')
  })

  test('in its header is not saved by one elsewhere', async () => {
    const payload = part({ ...siege.claims(), alg: 'ES256' })
    for (const header of [
      '{"kid":"good"}',
      '{"kid":"good","__proto__":{"alg":"ES256"}}',
      '{"kid":"good","ALG":"ES256"}',
    ])
      expect((await siege.repels(`${part(header)}.${payload}.${'A'.repeat(86)}`)).stage).toBe('form')
  })
})

describe('the public key', () => {
  test('however spelled is no secret for HS256, HS384 and HS512', async () => {
    const keys = Object.entries(spellings())
    expect(keys.length).toBe(17)
    for (const [, key] of keys) {
      for (const [alg, hash] of [
        ['HS256', 'sha256'],
        ['HS384', 'sha384'],
        ['HS512', 'sha512'],
      ] as const) {
        const signed = signedPart({ alg })
        expect((await siege.repels(`${signed}.${mac(hash, key, signed)}`)).stage).toBe('form')
      }
    }
  }, 60_000)

  test('is no secret either when the token says ES256 and carries a MAC of 32 or 64 bytes', async () => {
    for (const key of Object.values(spellings())) {
      const signed = signedPart({ alg: 'ES256' })
      for (const hash of ['sha256', 'sha512'])
        expect((await siege.repels(`${signed}.${mac(hash, key, signed)}`)).stage).toBe('signature')
    }
  })
})

describe('another algorithm', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const ed25519 = generateKeyPairSync('ed25519')

  /** Tokens truly signed by the attacker's own keys, some of which stand in the key set below. */
  const forged = (header: object = {}): [string, string][] => {
    const rs = signedPart({ alg: 'RS256', ...header })
    const ps = signedPart({ alg: 'PS256', ...header })
    const es = signedPart({ alg: 'ES384', ...header })
    const ed = signedPart({ alg: 'EdDSA', ...header })
    const asEs256 = signedPart({ alg: 'ES256', ...header })
    const pss = { key: rsa.privateKey, padding: 6, saltLength: 32 }
    const ieee = { key: p384.privateKey, dsaEncoding: 'ieee-p1363' as const }
    return [
      ['form', `${rs}.${createSign('sha256').update(rs).sign(rsa.privateKey, 'base64url')}`],
      ['form', `${ps}.${createSign('sha256').update(ps).sign(pss, 'base64url')}`],
      ['form', `${es}.${createSign('sha384').update(es).sign(ieee, 'base64url')}`],
      ['form', `${ed}.${sign(null, Buffer.from(ed), ed25519.privateKey).toString('base64url')}`],
      ['signature', `${asEs256}.${sign(null, Buffer.from(asEs256), ed25519.privateKey).toString('base64url')}`],
      ['signature', `${asEs256}.${createSign('sha256').update(asEs256).sign(ieee, 'base64url')}`],
    ]
  }

  test('is refused by its name, truly signed or not', async () => {
    for (const [stage, token] of forged()) expect((await siege.repels(token)).stage).toBe(stage as 'form')
    for (const alg of ['ES256K', 'ES384', 'ES512', 'ES521', 'RS256', 'PS256', 'HS256', 'EdDSA', 'Ed25519', 'ECDH-ES'])
      expect((await siege.repels(await siege.issuer.sign(siege.claims(), { alg }))).stage).toBe('form')
  })

  test('is refused too when its key is published, under its own id and under the good key’s', async () => {
    for (const kid of ['other', 'good']) {
      const published = [rsa, p384, ed25519].map(({ publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), kid }))
      const mixed = await lay({ entries: ({ jwk }) => [...published, jwk] })
      for (const [, token] of forged({ kid })) {
        const { stage } = await mixed.repels(token)
        expect(stage).toBeOneOf(kid === 'good' ? ['form', 'signature'] : ['form', 'key', 'signature'])
      }
    }
  })

  test('does not come in by a key that says so of itself', async () => {
    for (const alg of ['HS256', 'none', 'ES384', 'RS256']) {
      const odd = await lay({ entries: ({ jwk }) => [{ ...jwk, kid: 'odd', alg }, jwk] })
      expect((await odd.repels(await odd.issuer.sign(odd.claims(), { kid: 'odd' }))).stage).toBe('key')
      expect((await odd.repels(await odd.issuer.sign(odd.claims(), { kid: 'odd', alg }))).stage).toBe('form')
    }
  })
})
