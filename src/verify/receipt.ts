import { createHash, createPublicKey, verify } from 'node:crypto'
import canonicalize from 'canonicalize'
import { digestsText, type Passed, RECEIPT_PURPOSE, type Receipt } from '../protocol/receipt.ts'
import { settingsDigestOf } from '../tee/settings-digest.ts'
import { RECEIPT_KEY, signerOf } from '../tee/signing.ts'
import { type Check, check, sure, Untold } from './check.ts'

/** A receipt, and what it is held against. */
export interface Held {
  /** The answer of `GET /v1/receipts/{id}`. */
  readonly receipt: string
  /** That of `GET /v1/attestation/report`. */
  readonly report: string
  /** The bodies as their sender and receiver have them; absent where they are not to hand. */
  readonly request: Uint8Array | undefined
  readonly response: Uint8Array | undefined
}

/** Holds a receipt against a report's statement, and against the bodies it is about. Of the report itself nothing is proven. */
export function checkReceipt({ receipt: answer, report, request, response }: Held): readonly Check[] {
  const signed = () => receiptIn(answer)
  const stated = () => statementIn(report)
  return [
    check('form', () => `${signed().receipt.id}, in canonical JSON`),
    check('key', () => keyIn(signed().receipt, stated())),
    check('signature', () => {
      const { text, signature, receipt } = signed()
      const x = Buffer.from(receipt.key.public_key, 'hex').toString('base64url')
      const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
      sure(verify(null, Buffer.from(text), key, Buffer.from(signature, 'hex')), 'is not that of this text by this key')
      return 'Ed25519, over the text of the receipt'
    }),
    check('settings', () => {
      const digest = settingsDigestOf(stated().settings)
      sure(signed().receipt.settings_sha256 === digest, `the report states others: ${digest}`)
      return digest
    }),
    check('request', () => bodyAs(signed().receipt.request, request, 'request')),
    check('response', () => bodyAs(signed().receipt.response, response, 'response')),
    ...ethereum(answer, signed, stated),
  ]
}

interface Signed {
  readonly text: string
  readonly signature: string
  readonly receipt: Receipt
}

function receiptIn(answer: string): Signed {
  const { receipt: text, receipt_signature: signature } = JSON.parse(answer)
  sure(
    typeof text === 'string' && typeof signature === 'string',
    'is no receipt: it has no receipt and receipt_signature',
  )
  const receipt: Receipt = JSON.parse(text)
  // A name twice in one object, say, would be read in one way here and in another elsewhere.
  sure(canonicalize(receipt) === text, 'is not in canonical JSON')
  sure(receipt.purpose === RECEIPT_PURPOSE, `is no receipt: its purpose is not ${RECEIPT_PURPOSE}`)
  return { text, signature, receipt }
}

interface Statement {
  readonly keyset: Readonly<Record<string, { role: string; epoch: number; public_key: string; address: string }>>
  readonly settings: object
}

function statementIn(report: string): Statement {
  const { gateway_attestation: attestation } = JSON.parse(report)
  const { statement } = Object(attestation)
  // As of a gateway outside a TEE: that it states nothing speaks against no receipt.
  if (statement === undefined) throw new Untold('the report has no gateway_attestation.statement')
  sure(typeof statement === 'string', 'gateway_attestation.statement is no text')
  return JSON.parse(statement)
}

function keyIn({ key }: Receipt, { keyset }: Statement): string {
  const { role, epoch, public_key } = Object(keyset[key.algorithm])
  sure(key.algorithm === 'ed25519', `no receipt is signed by ${key.algorithm}`)
  sure(
    role === RECEIPT_KEY.role && epoch === key.epoch,
    `the report states no ${key.algorithm} key of epoch ${key.epoch}`,
  )
  sure(public_key === key.public_key, `the report states another key: ${public_key}`)
  return `ed25519, epoch ${key.epoch}, as the report states it`
}

/** A body that was cut is known as far as it passed. */
function bodyAs({ bytes, sha256, whole }: Passed, given: Uint8Array | undefined, what: 'request' | 'response'): string {
  if (!given) throw new Untold(`no --${what} FILE was given`)
  if (what === 'response' && !whole && given.length < bytes)
    throw new Untold(`it was cut: ${bytes} bytes were sent, and ${given.length} are here`)
  sure(given.length >= bytes && (!whole || given.length === bytes), `was ${bytes} bytes, and ${given.length} are here`)
  const digest = createHash('sha256').update(given.subarray(0, bytes)).digest('hex')
  sure(digest === sha256, `these bytes are others: their SHA-256 is ${digest}`)
  return whole ? `all of its ${bytes} bytes` : `the ${bytes} bytes that passed, of ${given.length}; it was cut there`
}

/** The second signature, where it was asked for. */
function ethereum(answer: string, signed: () => Signed, stated: () => Statement): readonly Check[] {
  if (!isAdded(answer)) return []
  const look = () => {
    const { text, signature } = JSON.parse(answer)
    sure(text === digestsText(signed().receipt), 'is under other digests than the receipt has')
    const signer = signerOf(text, signature)
    const { address } = Object(stated().keyset['ecdsa'])
    sure(signer === address, `is by ${signer}, and the report states ${address}`)
    return `EIP-191, by ${signer}`
  }
  return [check('ethereum signature', look)]
}

function isAdded(answer: string): boolean {
  try {
    return Object.hasOwn(Object(JSON.parse(answer)), 'signature')
  } catch {
    return false
  }
}
