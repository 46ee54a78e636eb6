import { createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'

/** The keys that the gateway signs receipts with, by the names that `signing_algo` has for them. */
export type Algorithm = 'ed25519' | 'ecdsa'

/** Which of all keys they are: a new one has another epoch, in its path and wherever it is named. */
export const RECEIPT_KEY = { role: 'receipt', epoch: 1 } as const

/** One of them: what others know it by. */
export interface SigningKey {
  /** Hex: 32 bytes of Ed25519; of secp256k1 the 65 of an uncompressed point. */
  readonly publicKey: string
  /** What a report names it by: of Ed25519 the public key, of secp256k1 its Ethereum address. */
  readonly address: string
  /**
   * Signs a text's UTF-8, always alike: by Ed25519 as 128 hex digits; by secp256k1 as EIP-191 has it for `personal_sign`,
   * `0x` and 65 bytes, r, s and v.
   */
  sign(text: string): string
}

export type SigningKeys = Readonly<Record<Algorithm, SigningKey>>

/** The keys of these seeds, 32 bytes each: the private keys themselves. */
export function signingKeys(seeds: Readonly<Record<Algorithm, Uint8Array>>): SigningKeys {
  let made: SigningKey | undefined
  return {
    ed25519: ed25519(seeds.ed25519),
    // Made when it is asked for: the tables of its curve are 4 MB, and a tenth of the CPU time of a start.
    get ecdsa() {
      made ??= ecdsa(seeds.ecdsa)
      return made
    },
  }
}

/** The address, `0x` and 40 hex digits, by whose key a text was signed as EIP-191 has it. @throws Error for what is no signature */
export function signerOf(text: string, signature: string): string {
  const bytes = Buffer.from(/^0x([\da-f]{130})$/i.exec(signature)?.[1] ?? '', 'hex')
  const recovered = Buffer.concat([[(bytes[64] ?? 0) - V], bytes.subarray(0, 64)].map(part => Buffer.from(part)))
  const point = secp256k1.Signature.fromBytes(recovered, 'recovered').recoverPublicKey(personal(text))
  return addressOf(point.toBytes(false))
}

// RFC 8410, section 7: an Ed25519 private key in PKCS #8 is these bytes and the seed.
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')
// What Ethereum adds to the number of the point.
const V = 27

function ed25519(seed: Uint8Array): SigningKey {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' })
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' })
  const publicKey = Buffer.from(x, 'base64url').toString('hex')
  return { publicKey, address: publicKey, sign: text => sign(null, Buffer.from(text), key).toString('hex') }
}

function ecdsa(seed: Uint8Array): SigningKey {
  const point = secp256k1.getPublicKey(seed, false)
  return {
    publicKey: Buffer.from(point).toString('hex'),
    address: addressOf(point),
    sign: text => {
      // RFC 6979: without randomness of its own.
      const [number = 0, ...rest] = secp256k1.sign(personal(text), seed, { prehash: false, format: 'recovered' })
      return `0x${Buffer.from([...rest, number + V]).toString('hex')}`
    },
  }
}

/** What EIP-191 has signed for a text. */
function personal(text: string): Uint8Array {
  const bytes = Buffer.from(text)
  return keccak_256(Buffer.concat([Buffer.from(`\x19Ethereum Signed Message:\n${bytes.length}`), bytes]))
}

function addressOf(point: Uint8Array): string {
  return `0x${Buffer.from(keccak_256(point.subarray(1)).subarray(12)).toString('hex')}`
}
