import { createHash } from 'node:crypto'
import type { Receipt } from '../../src/protocol/receipt.ts'
import { checkReceipt } from '../../src/verify/receipt.ts'
import type { Kit } from './gateway.ts'
import { eventually } from './stage.ts'

/** A receipt as it was answered, and what it says. */
export interface Told {
  readonly answer: string
  readonly says: Receipt
}

/** Asks for a receipt of a caller, once. */
export async function askReceipt(kit: Kit, id: string | null, { query = '', subject = 'ada' } = {}): Promise<Response> {
  return fetch(`${kit.url}/v1/receipts/${id}${query}`, { headers: await kit.bearer(subject) })
}

/** A receipt, as soon as it is there, which holds against the gateway's keys and settings. */
export async function receiptOf(kit: Kit, id: string | null, asked: { query?: string } = {}): Promise<Told> {
  return eventually(async () => {
    const answer = await askReceipt(kit, id, asked)
    if (answer.status === 425) return undefined
    const text = await answer.text()
    if (answer.status !== 200) throw new Error(`${answer.status} ${text}`)
    const checks = checkReceipt({ receipt: text, report: kit.report, request: undefined, response: undefined })
    const failed = checks.find(({ outcome }) => outcome === 'fail')
    if (failed) throw new Error(`${failed.name}: ${failed.why}`)
    return { answer: text, says: JSON.parse(JSON.parse(text).receipt) }
  }, `the receipt ${id}`)
}

/** What a receipt says of a body that passed whole, or as far as it is here. */
export function passed(body: string | Uint8Array, whole = true) {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex'), whole }
}

/** A header of an answer as it came over the wire. */
export const headerIn = (head: string, name: string): string | null =>
  new RegExp(`\\r\\n${name}: ([^\\r]*)\\r\\n`, 'i').exec(head)?.[1] ?? null
