import type { Receipt, SignedReceipt } from '../protocol/receipt.ts'
import type { SigningKey } from './signing.ts'

const SIGNATURE_DIGITS = 128

/** A receipt that was never signed, and whose key is not here any more: no other key may sign it. */
class KeyGone extends Error {
  override readonly name = 'KeyGone'
}

/**
 * A receipt as it was kept: its text alone, which the key that it names signs now as it would have then (RFC 8032); or, of
 * a key that is gone, signature and text.
 * @throws KeyGone
 */
export function signedReceipt(kept: string, key: SigningKey): SignedReceipt {
  if (!kept.startsWith('{'))
    return { receipt: kept.slice(SIGNATURE_DIGITS), receipt_signature: kept.slice(0, SIGNATURE_DIGITS) }
  const { public_key } = (JSON.parse(kept) as Receipt).key
  if (public_key !== key.publicKey) throw new KeyGone(`it is to be signed by the key ${public_key}, which is not here`)
  return { receipt: kept, receipt_signature: key.sign(kept) }
}

/** The same with its signature, to be kept where its key goes. @throws KeyGone */
export function keptSigned(kept: string, key: SigningKey): string {
  const { receipt, receipt_signature } = signedReceipt(kept, key)
  return receipt_signature + receipt
}
