import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { parseQuote } from '../tee/quote.ts'
import { type Check, check, sure, Untold } from './check.ts'
import { bytesOf, type Members, objectOf, textOf } from './members.ts'

const ADDRESS_BYTES = 32
// Many times those of the largest model; to judge one takes a few milliseconds.
const MOST_MACHINES = 256

/**
 * The parts of a report in the shape of cloud-api's, each with a name; what is no object is a part without anything.
 * @throws Wrong where there are too many to judge
 */
export function nearParts(whole: Members): readonly { name: string; part: Members }[] {
  const { cloud_api_gateway_attestation: gateway, model_attestations: models = [] } = whole
  const listed = (Array.isArray(models) ? models : [models]).flatMap(model => [
    model,
    ...[Object(model).all_attestations ?? []].flat().filter(one => !isSaidAgain(Object(one), Object(model))),
  ])
  sure(listed.length <= MOST_MACHINES, `the report lists more than ${MOST_MACHINES} machines: too many to judge`)
  return [
    ...(gateway === undefined ? [] : [{ name: 'cloud-api', part: Object(gateway) }]),
    ...listed.map((model, at) => ({ name: `model ${at + 1}`, part: Object(model) })),
  ]
}

/** Whether a part says nothing that another does not: one of the same quote may name another key. */
function isSaidAgain(part: Members, other: Members): boolean {
  const { intel_quote: quote } = part
  return (
    quote === other['intel_quote'] &&
    Object.entries(part).every(([name, value]) => isDeepStrictEqual(value, other[name]))
  )
}

/** The text of `app-compose.json` in what a dstack agent says of itself. @throws Untold, Wrong */
export function composeIn(part: Members): string {
  const info = objectOf(part['info'] ?? {}, 'info')
  return textOf(objectOf(info['tcb_info'] ?? {}, 'tcb_info'), 'app_compose')
}

/** Whether a part of NEAR AI's report is about this question and the key that it names. */
export function nearChecks(part: Members, nonce: string): readonly Check[] {
  const reportData = () => Buffer.from(parseQuote(bytesOf(part, 'intel_quote')).body.reportData)
  return [
    check('nonce', () => {
      sure(textOf(part, 'request_nonce').toLowerCase() === nonce, 'the report is for another nonce')
      sure(reportData().subarray(ADDRESS_BYTES).equals(Buffer.from(nonce, 'hex')), 'the quote is for another nonce')
      return 'the quote is for the nonce that was sent'
    }),
    check('report data', () => judgeAddress(part, reportData().subarray(0, ADDRESS_BYTES))),
  ]
}

/** Whether the evidence of graphics cards that comes along is for the same nonce; none where there are none. */
export function nvidiaChecks(part: Members, nonce: string): readonly Check[] {
  const { nvidia_payload: payload } = part
  if (payload === undefined || payload === null || payload === '') return []
  return [
    check('NVIDIA nonce', () => {
      const { nonce: told, evidence_list: evidence } = objectOf(payload, 'nvidia_payload')
      const nonces = [told, ...(Array.isArray(evidence) ? evidence.flatMap(one => Object(one).nonce ?? []) : [])]
      sure(
        nonces.every(one => String(one).toLowerCase() === nonce),
        'the evidence of the graphics cards is for another nonce',
      )
      return 'the evidence of the graphics cards is for the nonce that was sent'
    }),
    check('NRAS', () => {
      throw new Untold('NVIDIA was not asked whether the evidence of the graphics cards is genuine')
    }),
  ]
}

/** The address of a key, padded; or hashed together with the fingerprint of a TLS key (NEAR AI, cloud-api). */
function judgeAddress(part: Members, bound: Buffer): string {
  const address = bytesOf(part, 'signing_address')
  sure(address.length <= ADDRESS_BYTES, 'signing_address is no address')
  if (part['tls_cert_fingerprint'] === undefined || part['tls_cert_fingerprint'] === null) {
    sure(Buffer.concat([address], ADDRESS_BYTES).equals(bound), 'the quote is about another key than signing_address')
    return 'the quote holds the address of its key'
  }
  const both = Buffer.concat([address, bytesOf(part, 'tls_cert_fingerprint')])
  sure(createHash('sha256').update(both).digest().equals(bound), 'the quote is about other keys than it is said')
  return 'the quote holds the address of its key, and its TLS key'
}
