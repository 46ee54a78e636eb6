import type { SQL } from 'bun'
import { Problem } from '../protocol/problem.ts'
import type { Handle } from './pool.ts'
import { isLoss, reasonCode } from './postgres-faults.ts'

// What PostgreSQL itself undid may be done again; what became of anything else that failed, nobody knows. The fault of a
// connection that an operator or a time limit of the server's ended comes only to who was not committed: whoever was
// finds it ended without a word (ProcessInterrupts and SyncRepWaitForLSN of PostgreSQL 18).
const UNDONE = new Set(['40001', '40P01', '57P01', '57P05'])
const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 200
// Of ten connections 3000 wait a fifth of a second for a database that is well (60 µs each): what would wait behind
// more waits for one in distress.
const WAITING_PER_CONNECTION = 300

interface Bounds {
  /** What may be asked for at once is a multiple of these. */
  readonly connections: number
  /** How long a statement may take, its wait for a connection included. */
  readonly patienceMs: number
  /** A pool to take the place of one that is silent. */
  readonly renew: () => SQL
  /** Told that the pool in force does not lead to a database that can be written to, each time that one finds so. */
  readonly lost?: (() => void) | undefined
}

/**
 * How statements are asked of the pool in force: so many at once at most, each again while PostgreSQL says that it undid
 * it, none for longer than patience lasts. The server ends a statement before that; so a pool that says nothing leads
 * nowhere any more, whatever its connections think, and another takes its place.
 */
export function asking(handle: Handle, { connections, patienceMs, renew, lost }: Bounds) {
  const most = connections * (1 + WAITING_PER_CONNECTION)
  let underWay = 0

  async function inTime<T>(statement: () => T | Promise<T>): Promise<T> {
    const asked = handle.pool()
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      late.reject(new Error('no answer in time'))
      if (handle.pool() === asked && handle.replace(asked, renew())) lost?.()
    }, patienceMs)
    try {
      return await Promise.race([statement(), late.promise])
    } catch (error) {
      if (lost && handle.pool() === asked && isLoss(error)) lost()
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  /** @throws Problem `database_unavailable` */
  return async <T>(statement: () => T | Promise<T>): Promise<T> => {
    if (underWay >= most) throw unavailable(new Error('too many statements are waiting'))
    underWay++
    try {
      return await again(() => inTime(statement))
    } catch (cause) {
      throw unavailable(cause)
    } finally {
      underWay--
    }
  }
}

function unavailable(cause: unknown): Problem {
  return new Problem('database_unavailable', 'The database does not answer: try again in a moment.', {
    headers: { 'retry-after': '1' },
    cause,
  })
}

/** Runs a statement again that PostgreSQL undid to let another one pass, once that one may have passed. */
async function again<T>(run: () => Promise<T>): Promise<T> {
  for (let pause = FIRST_PAUSE_MS; ; pause *= 2) {
    try {
      return await run()
    } catch (error) {
      if (pause > LONGEST_PAUSE_MS || !UNDONE.has(reasonCode(error))) throw error
      await Bun.sleep(pause)
    }
  }
}
