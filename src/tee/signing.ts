import { createPrivateKey, createPublicKey } from 'node:crypto'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'

/** The keys that the gateway signs receipts with, by the names that `signing_algo` has for them. */
export type Algorithm = 'ed25519' | 'ecdsa'

/** One of them: what others know it by. */
export interface SigningKey {
  /** Hex: 32 bytes of Ed25519; of secp256k1 the 65 of an uncompressed point. */
  readonly publicKey: string
  /** What a report names it by: of Ed25519 the public key, of secp256k1 its Ethereum address. */
  readonly address: string
}

export type SigningKeys = Readonly<Record<Algorithm, SigningKey>>

/** The keys of these seeds, 32 bytes each: the private keys themselves. */
export function signingKeys(seeds: Readonly<Record<Algorithm, Uint8Array>>): SigningKeys {
  return { ed25519: ed25519(seeds.ed25519), ecdsa: ecdsa(seeds.ecdsa) }
}

// RFC 8410, section 7: an Ed25519 private key in PKCS #8 is these bytes and the seed.
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

function ed25519(seed: Uint8Array): SigningKey {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' })
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' })
  const publicKey = Buffer.from(x, 'base64url').toString('hex')
  return { publicKey, address: publicKey }
}

function ecdsa(seed: Uint8Array): SigningKey {
  const point = secp256k1.getPublicKey(seed, false)
  const address = Buffer.from(keccak_256(point.subarray(1)).subarray(12)).toString('hex')
  return { publicKey: Buffer.from(point).toString('hex'), address: `0x${address}` }
}
