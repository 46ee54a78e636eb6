import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { parseQuote, SIMULATED } from '../tee/quote.ts'
import { type Check, check, sure, Untold, Wrong } from './check.ts'
import { expectedCheck } from './expected.ts'
import type { Manifest } from './manifest.ts'
import { bytesOf, type Members, objectOf, textOf } from './members.ts'

/** What the one who verifies knows of themselves. */
export interface Asked {
  /** 64 hex digits: what the report was asked for with. */
  readonly nonce: string
  /** SHA-256 of the public key that the server showed on the very connection that the report came by; none without TLS. */
  readonly spki: string | undefined
  readonly expected: Expected
}

/** What the one who verifies will have; whatever is absent is not compared. */
export interface Expected {
  readonly composeHash?: string
  readonly keyset?: unknown
  readonly settings?: unknown
  /** The release that it must be. */
  readonly release?: Manifest
}

/**
 * Whether a part says of itself that nothing stands for it, and its quote says the same, where no verifier would believe
 * it: either alone is no excuse.
 */
export function isSimulated(part: Members): boolean {
  const { intel_quote: quote } = part
  if (part['mode'] !== 'simulated' || typeof quote !== 'string') return false
  const bytes = Buffer.from(quote, 'hex')
  return bytes.length > HEADER_BYTES && bytes.readUInt32LE(TEE_TYPE_AT) === SIMULATED
}

/** That it says so, and its quote does not, is odd enough to be told; what else it says of its mode helps with nothing. */
export function modeChecks({ mode }: Members, simulated: boolean): readonly Check[] {
  if (mode !== 'simulated' || simulated) return []
  return [
    check('mode', () => {
      throw new Wrong('the report says that it is simulated, and its quote does not')
    }),
  ]
}

const HEADER_BYTES = 48
const TEE_TYPE_AT = 4
const PURPOSE = 'sealgate.report_data.v1'

/** Whether a gateway's own part of a report is about this question, this connection, and what it states. */
export function statementChecks(part: Members, { nonce, spki, expected }: Asked): readonly Check[] {
  const statement = () => objectOf(textOf(part, 'statement'), 'the statement')
  const wanted = (['keyset', 'settings'] as const).filter(what => expected[what] !== undefined)
  return [
    check('nonce', () => {
      sure(textOf(part, 'request_nonce').toLowerCase() === nonce, 'the report is for another nonce')
      return 'the report is for the nonce that was sent'
    }),
    check('TLS key', () => judgeTls(statement(), spki)),
    check('statement', () => judgeStatement(textOf(part, 'statement'))),
    check('report data', () => {
      const expected = reportDataOf(textOf(part, 'statement'), nonce)
      const { body } = parseQuote(bytesOf(part, 'intel_quote'))
      sure(bytesOf(part, 'report_data').equals(expected), 'report_data is not the hash of this statement and the nonce')
      sure(expected.equals(body.reportData), 'the quote is about another statement, or another nonce')
      return 'the quote holds the hash of this statement, and the nonce'
    }),
    check('signing address', () => {
      const keyset = objectOf(statement()['keyset'], 'the keyset')
      const { address } = objectOf(keyset[textOf(part, 'signing_algo')], 'the key of that algorithm')
      sure(address === textOf(part, 'signing_address'), 'signing_address is not the one that is stated')
      return 'the address is that of a stated key'
    }),
    ...wanted.map(what => expectedCheck(what, () => statement()[what], expected[what])),
  ]
}

function judgeTls(statement: Members, spki: string | undefined): string {
  if (spki === undefined) throw new Untold('this connection has no TLS: whoever stands between could have sent this')
  const { tls_spki_sha256: stated } = objectOf(statement['keyset'], 'the keyset')
  if (stated === undefined) throw new Untold('TLS does not end in this gateway: whatever stands before it reads along')
  sure(stated === spki, `this connection has another key (${spki}): somebody stands between`)
  const same = 'the key of this connection is the one that is stated'
  // A file comes from outside, as far as can be told.
  return Object(statement['settings']).TLS === 'dstack'
    ? same
    : `${same}; it came in a file: whoever gave it may have it, and read along`
}

function judgeStatement(text: string): string {
  const told: unknown = JSON.parse(text)
  sure(
    canonicalize(told) === text,
    'the statement is not written in canonical JSON (RFC 8785): it could be read in two ways',
  )
  sure(Object(told).purpose === PURPOSE, 'the statement is made for another purpose')
  return 'in canonical JSON, made to be quoted'
}

function reportDataOf(statement: string, nonce: string): Buffer {
  return Buffer.concat([createHash('sha256').update(statement).digest(), Buffer.from(nonce, 'hex')])
}
