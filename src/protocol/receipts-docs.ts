import { type Detail, headers, parameter, refuses } from './openapi.ts'
import { LIMIT_HEADERS } from './openapi-words.ts'
import { RECEIPT_PURPOSE } from './receipt.ts'

const DIGITS = '0f'.repeat(32)
const ID = `rcpt_019af5c1d2e3${'0f'.repeat(26)}`

const RECEIPT = {
  backend: 'tinfoil',
  code: null,
  ended_at: '2026-01-02T12:00:01.000Z',
  ending: 'complete',
  host: 'inference.tinfoil.sh',
  id: ID,
  key: { algorithm: 'ed25519', epoch: 1, public_key: DIGITS },
  method: 'POST',
  model: 'llama3-3-70b',
  purpose: RECEIPT_PURPOSE,
  received_at: '2026-01-02T12:00:00.000Z',
  request: { bytes: 400, sha256: DIGITS, whole: true },
  response: { bytes: 4000, sha256: DIGITS, whole: true },
  route: '/v1/chat/completions',
  salt: '0f'.repeat(16),
  settings_sha256: DIGITS,
  status: 200,
}

/** What is said of receipts. */
export function receiptDetail(): Detail {
  const text = { type: 'string' }
  const properties = {
    receipt: { ...text, description: 'JSON as RFC 8785 has it: what is signed is the UTF-8 of this very text.' },
    receipt_signature: { ...text, pattern: '^[0-9a-f]{128}$', description: 'Ed25519, by the key that it names.' },
    text: { ...text, description: 'With `ecdsa`: the SHA-256 of the request, a colon, and that of the response.' },
    signature: { ...text, description: 'With `ecdsa`: by EIP-191 (`personal_sign`), under that text.' },
    signing_address: text,
    signing_algo: text,
    signature_kind: { type: 'string', enum: ['gateway'] },
  }
  const required = ['receipt', 'receipt_signature']
  const example = { receipt: JSON.stringify(RECEIPT), receipt_signature: '0f'.repeat(64) }
  return refuses(['not_found', 'receipt_not_ready', 'invalid_query'], {
    tags: ['trust'],
    summary: 'What was asked and answered, signed: digests, counts and names, and no word of what was said.',
    description:
      'For the caller who made the request, whose answer bore the id as `X-Receipt-Id`; of any other id it is a 404. The digests are of the bytes of both bodies as they passed between the client and the gateway, sealed ones as they were sealed. A report of `/v1/attestation/report` states the keys; `sealgate verify-receipt` checks one by the other.',
    parameters: (['ReceiptId', 'ReceiptAlgo'] as const).map(parameter),
    responses: {
      200: {
        description: 'The receipt.',
        headers: headers(LIMIT_HEADERS),
        content: { 'application/json': { schema: { type: 'object', required, properties }, example } },
      },
    },
  })
}
