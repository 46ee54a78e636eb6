import { hkdfSync } from 'node:crypto'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'

/** What an application of dstack gets its keys from. */
export interface Custody {
  /** The root of the key management service that answers for the application's key: a compressed point, in hex. */
  readonly root: string
  /** A key, and who answers for it: the application for the key, the root for the application. All in hex. */
  key(path: string, purpose: string): { key: string; signature_chain: readonly string[] }
}

/** Keys from a seed, with signatures as dstack's key management makes them: real, but of a root that nobody knows. */
export function custody(seed: string, appId: string): Custody {
  const root = derived(Buffer.from(seed), 'root')
  const app = derived(Buffer.from(seed), `app ${appId}`)
  const appPoint = secp256k1.getPublicKey(app)
  const issued = Buffer.concat([Buffer.from('dstack-kms-issued:'), Buffer.from(appId, 'hex'), appPoint])
  return {
    root: hex(secp256k1.getPublicKey(root)),
    key: (path, purpose) => {
      // The path alone tells keys apart, as it does there.
      const key = derived(app, path)
      const named = Buffer.from(`${purpose}:${hex(secp256k1.getPublicKey(key))}`)
      return { key: hex(key), signature_chain: [signed(named, app), signed(issued, root)] }
    },
  }
}

function derived(from: Uint8Array, path: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', from, 'RATLS', path, 32))
}

/** Recoverable: r, s, and which of the points it is, which noble puts first. */
function signed(message: Uint8Array, key: Uint8Array): string {
  const signature = secp256k1.sign(keccak_256(message), key, { prehash: false, format: 'recovered' })
  return hex(signature.subarray(1)) + hex(signature.subarray(0, 1))
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
