import { type Passed, type PassedFacts, RECEIPT_PURPOSE, type Receipt } from './receipt.ts'

/**
 * What is kept of a receipt beside its id, in the order of its text, which is made of nothing else and twice as long. What
 * the text has in hex is in base64url, and its times in milliseconds since the epoch.
 */
export type ReceiptFacts = readonly [
  backend: Receipt['backend'],
  code: Receipt['code'],
  endedAt: number,
  ending: Receipt['ending'],
  host: Receipt['host'],
  key: readonly [epoch: number, publicKey: string],
  method: string,
  model: Receipt['model'],
  receivedAt: number,
  request: PassedFacts,
  response: PassedFacts,
  route: string,
  salt: string,
  settings: string,
  status: number,
]

/** The text of a receipt, of what is kept of it; what is kept in another form has its text in it, and stays as it is. */
export function receiptText(id: string, kept: string): string {
  if (!kept.startsWith('[')) return kept
  const facts: ReceiptFacts = JSON.parse(kept)
  const [backend, code, endedAt, ending, host, key, method, model, receivedAt, ...rest] = facts
  const [request, response, route, salt, settings, status] = rest
  const receipt: Receipt = {
    backend,
    code,
    ended_at: new Date(endedAt).toISOString(),
    ending,
    host,
    id,
    key: { algorithm: 'ed25519', epoch: key[0], public_key: hex(key[1]) },
    method,
    model,
    purpose: RECEIPT_PURPOSE,
    received_at: new Date(receivedAt).toISOString(),
    request: passed(request),
    response: passed(response),
    route,
    salt: hex(salt),
    settings_sha256: hex(settings),
    status,
  }
  // This order of members and JSON.stringify's spelling are RFC 8785, for texts and whole numbers.
  return JSON.stringify(receipt)
}

const hex = (base64url: string) => Buffer.from(base64url, 'base64url').toString('hex')

const passed = ([bytes, sha256, whole]: PassedFacts): Passed => ({ bytes, sha256: hex(sha256), whole })
