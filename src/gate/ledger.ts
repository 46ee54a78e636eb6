import { and, eq, sql } from 'drizzle-orm'
import type { Log } from '../protocol/log.ts'
import { DAY_MS } from '../protocol/metering.ts'
import { late } from '../store/late.ts'
import { ledger as entries, usageDays } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { backlog } from './backlog.ts'
import type { Entry, ReceiptRow } from './batch.ts'

/** What every caller used: in memory for a moment, and then in the database. */
export interface Ledger {
  /** Whether so much waits for the database that nothing more should be let in. */
  readonly isFull: boolean
  /** Books a request, as far as it is to be booked, with its receipt; both are written later, together. */
  enter(entry: Entry | undefined, receipt?: ReceiptRow): void
  /**
   * Tokens of an owner in the UTC day of a time, those that wait in memory with them.
   * @throws Problem `database_unavailable`
   */
  spent(owner: string, at: number): Promise<number>
  /**
   * Whether an owner was given the open answer of that id.
   * @throws Problem `database_unavailable`
   */
  wasAnswered(owner: string, chatId: string): Promise<boolean>
  /**
   * Writes all that was entered so far.
   * @throws Problem `database_unavailable`: nothing is lost, and it will be tried again.
   */
  flush(): Promise<void>
  /** Writes what is left, and nothing after that; tries for 5 s, for a database may just be handed over. */
  close(): Promise<void>
}

interface Deps {
  store: Store
  log: Log
  /** Milliseconds that an entry may wait, so that others are written with it. */
  flushMs: number
}

// None is longer than its ids and names, which are bounded: 2 KB each with its receipt, 200 MB in all.
const MOST_WAITING = 100_000
const CLOSE_MS = 5000
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 4000

/**
 * A ledger whose entries gather in memory and are written off every client's path: each batch, its rows and their sums,
 * in one transaction. While the database does not answer they wait, and are tried again.
 */
export function ledger({ store, log, flushMs }: Deps): Ledger {
  const waiting = backlog({ store, log })
  const { tokens, answered } = late(() => ({ tokens: tokensStatement(store), answered: answeredStatement(store) }))
  let timer: ReturnType<typeof setTimeout> | undefined
  let pauseMs = FIRST_PAUSE_MS
  let closed = false

  function flushIn(ms: number): void {
    if (!closed) timer = setTimeout(tick, ms)
  }

  async function tick(): Promise<void> {
    try {
      await waiting.flush()
      timer = undefined
      pauseMs = FIRST_PAUSE_MS
      if (waiting.length > 0) flushIn(flushMs)
    } catch {
      flushIn(pauseMs)
      pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)
    }
  }

  const isFlushed = () =>
    waiting.flush().then(
      () => true,
      () => false,
    )

  return {
    get isFull() {
      return waiting.length >= MOST_WAITING
    },
    enter: (entry, receipt) => {
      waiting.add({ entry, receipt })
      if (timer === undefined) flushIn(flushMs)
    },
    spent: async (owner, at) => {
      const day = Math.floor(at / DAY_MS)
      const stored = async () => (await store.ask(() => tokens.execute({ owner, day })))[0]?.tokens ?? 0
      return waiting.tokens(owner, { from: day * DAY_MS, to: (day + 1) * DAY_MS }, stored)
    },
    // Here first: what is not here any more is there.
    wasAnswered: async (owner, chatId) =>
      waiting.has(owner, chatId) || (await store.ask(() => answered.execute({ owner, chatId }))).length > 0,
    flush: waiting.flush,
    close: async () => {
      closed = true
      clearTimeout(timer)
      const giveUp = performance.now() + CLOSE_MS
      // What cannot be written by then is lost; the log has just said how much.
      while (!(await isFlushed()) && performance.now() < giveUp) await Bun.sleep(FIRST_PAUSE_MS)
    },
  }
}

function answeredStatement({ db }: Store) {
  const { owner, chatId } = entries
  return db
    .select({ owner })
    .from(entries)
    .where(and(eq(owner, sql.placeholder('owner')), eq(chatId, sql.placeholder('chatId'))))
    .limit(1)
    .prepare()
}

function tokensStatement({ db }: Store) {
  const { owner, day, promptTokens, completionTokens } = usageDays
  return db
    .select({ tokens: sql`${promptTokens} + ${completionTokens}`.mapWith(Number) })
    .from(usageDays)
    .where(and(eq(owner, sql.placeholder('owner')), eq(day, sql.placeholder('day'))))
    .prepare()
}
