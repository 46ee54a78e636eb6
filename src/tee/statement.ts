import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { RECEIPT_KEY, type SigningKey, type SigningKeys } from './signing.ts'
import type { IdentitySource, KeySource, Tee } from './tee.ts'

/** What settings there are, and what came of them. */
interface Chosen {
  /** By name, as an operator gave them; none of them a secret. */
  readonly settings: Settings
  /** Who is asked, by name. */
  readonly backends: readonly string[]
  readonly keySource: KeySource
  readonly identitySource: IdentitySource
  readonly mode: Tee['mode'] | 'none'
}

type Settings = Readonly<Record<string, unknown>>

/** The settings as a report states them, and as receipts name them by their digest. */
export const effectiveSettings = ({ settings, backends, keySource, identitySource, mode }: Chosen): Settings => ({
  ...settings,
  backends,
  identity_key: identitySource,
  keys: keySource,
  tee: mode,
})

/** What a quote is to prove. */
export interface Stated {
  readonly version: string
  /** Of this program's source; `unknown` where it was not built from one. */
  readonly commit: string
  /** SHA-256 of this program's file, in hex; none where it runs from its source, or its file cannot be read. */
  readonly executable: string | undefined
  /** In effect. */
  readonly settings: Settings
  readonly signing: SigningKeys
  /** SHA-256 of the public key that TLS showed (SPKI, DER), in hex. */
  readonly spki: string | undefined
  /** The HPKE configuration that was relayed last. */
  readonly hpkeKeys: Uint8Array | undefined
}

// Whoever signs by a key, and for what, must not be taken for another: a new role or a new key has another path.
const PURPOSE = 'sealgate.report_data.v1'

/** A statement in canonical JSON (RFC 8785): what is hashed is this very text. */
export function statementOf({ version, commit, executable, settings, signing, spki, hpkeKeys }: Stated): string {
  const keyset = {
    ed25519: receiptKey(signing.ed25519),
    ecdsa: receiptKey(signing.ecdsa),
    ...(spki !== undefined && { tls_spki_sha256: spki }),
    ...(hpkeKeys && { hpke_config_sha256: sha256(hpkeKeys).toString('hex') }),
  }
  const program = { version, commit, ...(executable !== undefined && { executable_sha256: executable }) }
  const text = canonicalize({ purpose: PURPOSE, ...program, keyset, settings })
  if (text === undefined) throw new TypeError('a statement that is no JSON')
  return text
}

/** What is quoted: the SHA-256 of a statement, and a nonce of 64 hex digits. */
export function reportDataOf(statement: string, nonce: string): Uint8Array {
  return Buffer.concat([sha256(statement), Buffer.from(nonce, 'hex')])
}

const receiptKey = ({ publicKey, address }: SigningKey) => ({ ...RECEIPT_KEY, public_key: publicKey, address })

const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest()
