import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { signer } from '../kit/jwt.ts'
import { type Siege, sieges } from '../kit/siege.ts'

/** The order of P-256's group (SEC 2, section 2.4.2) and its prime. */
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn
const MAX = 2n ** 256n - 1n

const { lay, lift } = sieges()
let siege: Siege
beforeAll(async () => {
  siege = await lay()
})
afterAll(lift)

const bytesOf = (value: bigint, length = 32) => Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex')
const numberOf = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)

/** A good token taken apart. */
async function taken(more: object = {}) {
  const token = await siege.issuer.sign(siege.claims(more))
  const at = token.lastIndexOf('.')
  const signature = Buffer.from(token.slice(at + 1), 'base64url')
  const [r, s] = [numberOf(signature.subarray(0, 32)), numberOf(signature.subarray(32))]
  return { token, signed: token.slice(0, at), signature, r, s }
}

/** An unsigned big-endian integer in DER. */
function derInteger(value: bigint): Buffer {
  const hex = value.toString(16)
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  const padded = (bytes[0] ?? 0) > 127 ? Buffer.concat([Buffer.of(0), bytes]) : bytes
  return Buffer.concat([Buffer.of(2, padded.length), padded])
}

function der(r: bigint, s: bigint): Buffer {
  const both = Buffer.concat([derInteger(r), derInteger(s)])
  return Buffer.concat([Buffer.of(0x30, both.length), both])
}

describe('a signature', () => {
  test('of any two numbers at the edges of the group is bad', async () => {
    const { signed, r, s } = await taken()
    const edges = [0n, 1n, 2n, N - 1n, N, N + 1n, P - 1n, P, MAX]
    for (const [a, b] of [
      ...edges.flatMap(a => edges.map(b => [a, b] as const)),
      ...edges.flatMap(
        e =>
          [
            [r, e],
            [e, s],
          ] as const,
      ),
    ]) {
      const signature = Buffer.concat([bytesOf(a), bytesOf(b)]).toString('base64url')
      const { stage, message } = await siege.repels(`${signed}.${signature}`)
      expect([stage, message]).toEqual(['signature', 'Bad signature: the token was not signed by the key it names.'])
    }
  })

  test('is bad with a number moved by the order, swapped, or turned round', async () => {
    const { signed, signature, r, s } = await taken()
    const changed = [
      ...[
        [s, r],
        [N - r, s],
        [(r + N) & MAX, s],
        [r, (s + N) & MAX],
      ].map(both => Buffer.concat(both.map(one => bytesOf(one)))),
      Buffer.from(signature).reverse(),
      Buffer.from(signature.map(byte => byte ^ 0xff)),
    ]
    for (const bytes of changed)
      expect((await siege.repels(`${signed}.${bytes.toString('base64url')}`)).stage).toBe('signature')
  })

  test('is bad at any other length, whatever is added or missing', async () => {
    const { signed, signature, r, s } = await taken()
    const zero = Buffer.of(0)
    const shapes = [
      Buffer.alloc(0),
      signature.subarray(0, 63),
      signature.subarray(1),
      signature.subarray(0, 32),
      Buffer.concat([signature, zero]),
      Buffer.concat([zero, signature]),
      Buffer.concat([bytesOf(r, 33), bytesOf(s, 33)]),
      Buffer.concat([bytesOf(r, 48), bytesOf(s, 48)]),
      Buffer.concat([bytesOf(r, 66), bytesOf(s, 66)]),
      Buffer.concat([signature, signature]),
      Buffer.alloc(4000),
    ]
    for (const bytes of shapes) {
      const { stage, message } = await siege.repels(`${signed}.${bytes.toString('base64url')}`)
      expect([stage, message]).toEqual(['signature', 'Bad signature: an ES256 signature has 64 bytes.'])
    }
  })

  test('in DER is bad, of the right numbers and of zeros', async () => {
    const { signed, r, s } = await taken()
    const shapes = [der(r, s), der(0n, 0n), der(0n, 1n), der(r, N - s), der(N, N)]
    const padded = [...shapes, ...shapes.map(bytes => Buffer.concat([bytes, Buffer.alloc(80)]).subarray(0, 64))]
    for (const bytes of padded)
      expect((await siege.repels(`${signed}.${bytes.toString('base64url')}`)).stage).toBe('signature')
  })

  test('is bad with any one of its bits turned', async () => {
    const { signed, signature } = await taken()
    for (let bit = 0; bit < 512; bit += 7) {
      const bytes = Buffer.from(signature)
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect((await siege.repels(`${signed}.${bytes.toString('base64url')}`)).stage).toBe('signature')
    }
  })

  test('vouches for nothing but its own token', async () => {
    const [ada, bob] = [await taken(), await taken({ sub: 'bob' })]
    const stranger = await signer('good')
    for (const token of [
      `${ada.signed}.${bob.signature.toString('base64url')}`,
      `${ada.signed.replace('.', 'A.')}.${ada.signature.toString('base64url')}`,
      await stranger.sign(siege.claims()),
    ])
      expect((await siege.repels(token)).stage).toBeOneOf(['form', 'signature'])
  })

  test('that is spelled otherwise is no second token of the same bytes', async () => {
    const { token } = await taken()
    const last = token.at(-1) ?? ''
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const sibling = alphabet[alphabet.indexOf(last) + 1] ?? ''
    for (const twin of [
      `${token}=`,
      `${token}==`,
      token.slice(0, -1) + sibling,
      `${token}%3D`,
      `${token}.`,
      `.${token}`,
    ])
      expect((await siege.repels(twin)).stage).toBe('form')
  })
})

describe('a signature turned inside out (r, n − s)', () => {
  // ECDSA allows both, so that anyone can make a second token of a first. It is harmless as long as nothing is keyed
  // by a token's text: the owner is made of issuer and subject alone, and a memory of tokens only ever says yes again.
  test('is a good one, and the same caller’s', async () => {
    const { token, signed, r, s } = await taken()
    const twin = `${signed}.${Buffer.concat([bytesOf(r), bytesOf(N - s)]).toString('base64url')}`
    expect(twin).not.toBe(token)
    for (const each of [token, twin, token, twin]) expect((await siege.show(each)).status).toBe(200)
    const owners = siege.kit.lines
      .map(line => JSON.parse(line))
      .filter(({ event, owner }) => event === 'request' && owner !== undefined)
      .map(({ owner }) => owner)
    expect(owners.length).toBeGreaterThan(3)
    expect(new Set(owners).size).toBe(1)
  })
})
