import canonicalize from 'canonicalize'
import { RECEIPT_KEY, type SigningKeys } from '../../src/tee/signing.ts'

/** A report as far as receipts are checked by it: what it states, and nothing that proves it. */
export function reportOf({ ed25519, ecdsa }: SigningKeys, settings: object): string {
  const named = ({ publicKey, address }: SigningKeys['ecdsa']) => ({ ...RECEIPT_KEY, public_key: publicKey, address })
  const keyset = { ed25519: named(ed25519), ecdsa: named(ecdsa) }
  const statement = canonicalize({ purpose: 'sealgate.report_data.v1', keyset, settings })
  return JSON.stringify({ gateway_attestation: { mode: 'simulated', statement } })
}
