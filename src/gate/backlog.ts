import { faultOf, type Log } from '../protocol/log.ts'
import type { Store } from '../store/store.ts'
import { type Batch, type Booking, batches } from './batch.ts'

/** Bookings that are not known to be written. */
export interface Backlog {
  /** How many there are. */
  readonly length: number
  add(booking: Booking): void
  /**
   * Tokens of an owner's entries from one time to another, in milliseconds since the epoch, together with those that
   * are stored: each entry once, though it is on its way from here to there.
   */
  tokens(owner: string, range: { from: number; to: number }, stored: () => Promise<number>): Promise<number>
  /** Whether one of an owner's is about the answer of that id. */
  has(owner: string, chatId: string): boolean
  /**
   * Writes all that was added so far.
   * @throws Problem `database_unavailable`; what could not be written stays.
   */
  flush(): Promise<void>
}

// About 3 ms in which the event loop stands still: 30 µs each, with its receipt, which is sealed here.
const BATCH_ROWS = 100

/** A backlog that is written in batches, one at a time, with a turn of the event loop between. */
export function backlog({ store, log }: { store: Store; log: Log }): Backlog {
  const batchOf = batches(store)
  const waiting: Booking[] = []
  let batch: Batch | undefined
  let inDoubt = false
  let writing: Promise<void> | undefined
  let added = 0
  let written = 0
  let begun = 0

  async function write(): Promise<void> {
    begun++
    // One that failed is tried again as it was: it may have been stored, and only the word of it lost.
    batch ??= batchOf(waiting.splice(0, BATCH_ROWS))
    try {
      if (!(inDoubt && (await batch.isStored()))) await store.atomically(batch.writes)
    } catch (error) {
      inDoubt = true
      log('error', 'ledger_failed', { rows: added - written, fault: faultOf(error) })
      throw error
    }
    written += batch.bookings.length
    batch = undefined
    inDoubt = false
  }

  function here(owner: string, { from, to }: { from: number; to: number }): number {
    let sum = 0
    for (const bookings of [batch?.bookings ?? [], waiting])
      for (const { entry } of bookings)
        if (entry?.owner === owner && entry.at >= from && entry.at < to)
          sum += entry.usage.prompt + entry.usage.completion
    return sum
  }

  return {
    get length() {
      return added - written
    },
    add: booking => {
      waiting.push(booking)
      added++
    },
    tokens: async (owner, range, stored) => {
      for (;;) {
        // Since when a batch under way is in the database as well as here cannot be told.
        while (writing !== undefined) await writing.catch(() => undefined)
        const before = begun
        const there = await stored()
        if (begun === before) return there + here(owner, range)
      }
    },
    has: (owner, chatId) =>
      [batch?.bookings ?? [], waiting].some(bookings =>
        bookings.some(({ entry }) => entry?.chatId === chatId && entry.owner === owner),
      ),
    flush: async () => {
      const all = added
      while (written < all) {
        writing ??= write().finally(() => {
          writing = undefined
        })
        await writing
        if (written < all) await Bun.sleep(0)
      }
    },
  }
}
