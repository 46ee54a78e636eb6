import { expect, test } from 'bun:test'
import canonicalize from 'canonicalize'
import { type ReceiptFacts, receiptText } from '../../src/protocol/receipt-facts.ts'

const bytes = (byte: number, count: number) => Buffer.alloc(count, byte)
const base64url = (byte: number, count = 32) => bytes(byte, count).toString('base64url')
const hex = (byte: number, count = 32) => bytes(byte, count).toString('hex')

// biome-ignore format: in the order of its members
const FACTS: ReceiptFacts = [
  'tinfoil', 'internal', 1_767_225_600_456, 'failed', 'a.example', [3, base64url(0xfb)], 'POST', 'm', 1_767_225_600_123,
  [4, base64url(1), true], [0, base64url(2), false], '/v1/embeddings', base64url(4, 16), base64url(5), 502,
]

// What was signed once is signed again of the same facts, by whichever version: it may never read otherwise.
test('facts have one text, in canonical JSON', () => {
  const text = receiptText('rcpt_1', JSON.stringify(FACTS))
  expect(text).toBe(canonicalize(JSON.parse(text)) ?? '')
  expect(JSON.parse(text)).toEqual({
    backend: 'tinfoil',
    code: 'internal',
    ended_at: '2026-01-01T00:00:00.456Z',
    ending: 'failed',
    host: 'a.example',
    id: 'rcpt_1',
    key: { algorithm: 'ed25519', epoch: 3, public_key: hex(0xfb) },
    method: 'POST',
    model: 'm',
    purpose: 'sealgate.receipt.v1',
    received_at: '2026-01-01T00:00:00.123Z',
    request: { bytes: 4, sha256: hex(1), whole: true },
    response: { bytes: 0, sha256: hex(2), whole: false },
    route: '/v1/embeddings',
    salt: hex(4, 16),
    settings_sha256: hex(5),
    status: 502,
  })
})
