import { faultOf, type Log } from '../protocol/log.ts'
import type { Asked, Errand } from './errand.ts'
import type { Abandoned, Making, Makings } from './makings.ts'
import type { Orphan, Orphans } from './orphans.ts'
import { idIn, pathOf, pathOfMaking } from './places.ts'

interface Deps {
  ask: Errand
  makings: Makings
  orphans: Orphans
  now: () => number
  log: Log
}

/** Sets right what is due; never more than one round at a time. @throws Problem `database_unavailable` */
export type Reconcile = () => Promise<void>

const CALLS_AT_ONCE = 4
const FORM_TYPE = 'multipart/form-data; boundary=none'
const EMPTY_FORM = '--none--\r\n'
const FIRST_PAUSE_MS = 30_000
const LONGEST_PAUSE_MS = 3_600_000

/**
 * Takes up what was left, by whichever process: a making is asked for again under its `Idempotency-Key`, with an empty
 * object or form, for of what is in it nothing is kept; what comes of that is nobody's, unless somebody has it. Then what is
 * nobody's is deleted. What fails is tried again, later each time.
 *
 * A second process that takes up the same does no harm: what it makes goes, and what is gone is gone.
 */
export function reconcile({ ask, makings, orphans, now, log }: Deps): Reconcile {
  let round: Promise<void> | undefined
  const later = (tries: number) => now() + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries, 20))

  async function resolve(making: Abandoned): Promise<boolean> {
    if (!(await makings.take(making, later(making.tries)))) return true
    const answer = await answered(again(making))
    if (!answer) return false
    const id = answer.ok ? idIn(await answer.bytes()) : undefined
    if (id !== undefined) await makings.disown(making, id)
    else await makings.drop(making)
    // Asked again, it would make one more each time.
    if (answer.ok && id === undefined) log('error', 'making_lost')
    // Who finds no file in the form does not know the key, or never had the file.
    else if (id === undefined && making.kind === 'file') log('warn', 'making_lost')
    return true
  }

  async function remove(orphan: Orphan): Promise<boolean> {
    if (!(await orphans.take(orphan, later(orphan.tries)))) return true
    const answer = await answered({ method: 'DELETE', path: pathOf(orphan) })
    if (!answer) return false
    if (answer.ok || answer.status === 404) await orphans.forget(orphan)
    else log('warn', 'reconcile_failed', { status: answer.status })
    return true
  }

  /** None where the backend cannot be reached or says that it cannot now, and the rest need not be tried now either. */
  async function answered(asked: Asked): Promise<Response | undefined> {
    try {
      const answer = await ask(asked)
      if (!isForLater(answer.status)) return answer
      log('warn', 'reconcile_failed', { status: answer.status })
      return undefined
    } catch (error) {
      log('warn', 'reconcile_failed', { fault: faultOf(error) })
      return undefined
    }
  }

  return () => {
    round ??= (async () => {
      await each(await makings.due(), resolve)
      await each(await orphans.due(), remove)
    })().finally(() => {
      round = undefined
    })
    return round
  }
}

/** The same once more, with nothing in it. */
function again(making: Making): Asked {
  const asked = { method: 'POST', path: pathOfMaking(making) } as const
  const headers = { 'idempotency-key': making.idempotencyKey }
  if (making.kind !== 'file') return { ...asked, headers, body: '{}' }
  return { ...asked, headers: { ...headers, 'content-type': FORM_TYPE }, body: EMPTY_FORM }
}

/** Whether it is worth asking again: a fault of the server's, or a refusal for now, or of our key. */
const isForLater = (status: number): boolean => status >= 500 || FOR_NOW.has(status)
const FOR_NOW = new Set([401, 402, 403, 408, 409, 425, 429])

/** Acts on each, a few at a time; where one turns out to be of no use, so many fewer go on. */
async function each<T>(rows: readonly T[], act: (row: T) => Promise<boolean>): Promise<void> {
  const left = rows.values()
  const work = async () => {
    for (const row of left) if (!(await act(row))) return
  }
  const ended = await Promise.allSettled(Array.from({ length: CALLS_AT_ONCE }, work))
  for (const one of ended) if (one.status === 'rejected') throw one.reason
}
