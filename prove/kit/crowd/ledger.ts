import type { Figure } from '../claim.ts'
import { chatIdOf, type Visit } from './backend.ts'
import type { Told } from './chat.ts'
import type { Fleet } from './fleet.ts'
import type { Killed } from './killing.ts'

const LOST_MS = 1000

/** One row for each request that came to the backend, but for what the killed worker had not yet written. */
export async function ledgerFigure(
  { rows, workerOf }: Fleet,
  visits: ReadonlyMap<number, Visit>,
  told: readonly Told[],
  { pid, at: killedAt, goneAt }: Killed,
): Promise<Figure> {
  const all = await rows<string | number>('SELECT chat_id, completion_tokens AS tokens, ending FROM ledger')
  // What a ban cut before its first event has no id.
  const [named, nameless] = [all.filter(row => row['chat_id'] !== null), all.filter(row => row['chat_id'] === null)]
  const booked = Map.groupBy(named, row => String(row['chat_id']))
  const completed = new Set(told.filter(({ status, isWhole }) => status === 200 && isWhole).map(({ number }) => number))
  const wasUnderWay = ({ endedAt = 0 }: Visit) => endedAt > killedAt - LOST_MS && endedAt < goneAt + LOST_MS
  const isKilled = (visit: Visit) => wasUnderWay(visit) && [pid, undefined].includes(workerOf(visit))

  const missing = [...visits.values()].filter(({ number }) => !booked.has(chatIdOf(number)))
  const lost = missing.filter(isKilled)
  const others = missing.filter(visit => !isKilled(visit))
  const isTold = others.length === nameless.length && others.every(({ number }) => !completed.has(number))
  const wrong = isTold
    ? []
    : [...others, ...nameless].map(one => `no pair: ${JSON.stringify(one)}, killed at ${killedAt}`)
  const byId = new Map([...visits.values()].map(visit => [chatIdOf(visit.number), visit]))
  for (const [id, own] of booked) {
    const visit = byId.get(id)
    const isTrue = visit && (!completed.has(visit.number) || own.every(row => isWholeRow(row, visit)))
    if (own.length > 1 || !isTrue) wrong.push(`${id} is booked as ${JSON.stringify(own)}`)
  }
  for (const line of wrong.slice(0, 5)) console.error(line)
  const lostWhole = lost.filter(({ number }) => completed.has(number)).length
  const is = `${all.length} rows (${nameless.length} of what was cut before its first event) for ${visits.size} requests that reached the backend, ${completed.size} of them whole at their client; ${wrong.length} wrong; lost with the killed worker: ${lost.length}, of which ${lostWhole} whole`
  return { what: 'the ledger:', is, holds: wrong.length === 0 && all.length > 0 }
}

const isWholeRow = (row: Record<string, unknown>, { tokens }: Visit) =>
  row['tokens'] === tokens && row['ending'] === 'complete'
