import { randomBytes } from 'node:crypto'
import type { Info, Quoted } from '../../tee/agent.ts'
import { differing } from '../../tee/event-log.ts'
import { parseQuote } from '../../tee/quote.ts'
import { reportDataOf } from '../../tee/statement.ts'
import type { Tee } from '../../tee/tee.ts'
import { atMost } from '../../upstream/at-most.ts'
import { recent } from '../../upstream/recent.ts'

/** A statement, quoted. */
export interface Proof {
  readonly statement: string
  /** 64 hex digits. */
  readonly nonce: string
  readonly reportData: Uint8Array
  readonly quoted: Quoted
  readonly info: Info
  /** The registers that the event log does not lead to. */
  readonly differing: readonly string[]
}

/** Has a statement quoted with a nonce; without one, whoever asks within five minutes is given the same. @throws Problem `agent_…` or `overloaded` */
export type Prove = (statement: string, nonce: string | undefined) => Promise<Proof>

/** Milliseconds for which a proof is good for whoever brings no nonce. */
export const KEPT_MS = 300_000
// Statements of one process differ by the keys that TLS and the enclave had within five minutes.
const MOST_KEPT = 16
// A machine makes one quote after another; and a process has 256 calls at once, which others need as well.
const MOST_AT_ONCE = 4
const WAIT_MS = 10_000

/** Proofs by the agent of a TEE: one quote in flight for each report data, and four in all. */
export function proofs({ agent }: Tee, now: () => number): Prove {
  const given = recent<Proof>({ now, most: MOST_KEPT })
  const inTurn = atMost(MOST_AT_ONCE, WAIT_MS)

  async function prove(statement: string, nonce: string, reportData: Uint8Array): Promise<Proof> {
    const [quoted, info] = await inTurn(() => Promise.all([agent.quote(reportData), agent.info()]))
    return { statement, nonce, reportData, quoted, info, differing: differing(parseQuote(quoted.quote), quoted.events) }
  }

  return (statement, nonce) => {
    if (nonce === undefined)
      return given(statement, KEPT_MS, () => {
        const made = randomBytes(32).toString('hex')
        return prove(statement, made, reportDataOf(statement, made))
      })
    const reportData = reportDataOf(statement, nonce)
    return given(Buffer.from(reportData).toString('hex'), 0, () => prove(statement, nonce, reportData))
  }
}
