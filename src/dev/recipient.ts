import { createPrivateKey, createPublicKey } from 'node:crypto'
import { AEAD_AES_256_GCM, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from '@panva/hpke-noble'
import { CipherSuite, type RecipientContext } from 'hpke'
import { KEY_LENGTH, REQUEST_INFO } from '../protocol/ehbp.ts'

/** One X25519 key pair that requests are sealed to. */
export interface Recipient {
  readonly publicKey: Uint8Array
  /** The HPKE context of one request (base mode, RFC 9180 5.1.1); throws DecapError for a key that is no point. */
  setup(encapsulatedKey: Uint8Array): Promise<RecipientContext>
}

/** A recipient for a raw private key; any 32 bytes are one, so a fresh one is as good as random. */
export async function recipient(
  privateKey: Uint8Array = crypto.getRandomValues(new Uint8Array(KEY_LENGTH)),
): Promise<Recipient> {
  const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM)
  const key = await suite.DeserializePrivateKey(privateKey, false)
  const info = new TextEncoder().encode(REQUEST_INFO)
  return {
    publicKey: publicKeyOf(privateKey),
    setup: encapsulatedKey => suite.SetupRecipient(key, encapsulatedKey, { info }),
  }
}

// hpke has no way from a raw private key to its public one; node:crypto has, through RFC 8410's PKCS #8 wrapping.
const PKCS8_HEAD = Buffer.from('302e020100300506032b656e04220420', 'hex')

function publicKeyOf(privateKey: Uint8Array): Uint8Array {
  const der = Buffer.concat([PKCS8_HEAD, privateKey])
  const publicKey = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(-KEY_LENGTH)
}
