import { and, eq, sql } from 'drizzle-orm'
import type { Ending, Route } from '../protocol/exchange.ts'
import type { Usage } from '../protocol/usage.ts'
import { late } from '../store/late.ts'
import { ledger, receipts } from '../store/schema.ts'
import type { Store, Write } from '../store/store.ts'
import { sumsOf } from './sums.ts'

/** One request that reached an enclave. */
export interface Entry {
  readonly owner: string
  /** When the request came, in milliseconds since the epoch. */
  readonly at: number
  readonly backend: string
  readonly route: Route
  readonly status: number
  readonly ending: Ending
  readonly bytesUp: number
  readonly bytesDown: number
  readonly usage: Usage
  /** The id of an open answer, by which its signature is asked for. */
  readonly chatId: string | undefined
}

/** A receipt as it is kept. */
export interface ReceiptRow {
  readonly id: string
  readonly owner: string
  /** Seals it: as it is written, for in a row of them each takes a third of what it takes between other work. */
  seal(): string
}

/** What is written of one request: the one where it reached an enclave, the other where it has a receipt. */
export interface Booking {
  readonly entry: Entry | undefined
  readonly receipt: ReceiptRow | undefined
}

/** Bookings that live or die together in the database: their rows, and what they add to the sums. */
export interface Batch {
  readonly bookings: readonly Booking[]
  readonly writes: readonly Write[]
  /** Whether it is in the database already. */
  isStored(): Promise<boolean>
}

/** Makes batches for a database. */
export function batches(store: Store): (bookings: readonly Booking[]) => Batch {
  const { insert, find } = late(() => statements(store))
  const sums = sumsOf(store)
  const { keep, findKept } = late(() => receiptStatements(store))
  return bookings => {
    const entries = bookings.flatMap(({ entry }) => entry ?? [])
    const rows = bookings.flatMap(({ entry, receipt }) => (entry ? rowOf(entry, receipt?.id ?? newId()) : []))
    const kept = bookings.flatMap(({ entry, receipt }) => (receipt ? keptOf(receipt, entry) : []))
    const isStored = async () => {
      const [row, [receipt]] = [rows[0], kept]
      return (
        (await store.ask<unknown[]>(() => (row ? find.execute(row) : findKept.execute({ id: receipt?.id })))).length > 0
      )
    }
    return {
      bookings,
      writes: [
        ...rows.map(values => ({ statement: insert, values })),
        ...sums(entries),
        ...kept.map(values => ({ statement: keep, values })),
      ],
      isStored,
    }
  }
}

/** Under its owner only where no row of the ledger is: that has the same id. */
const keptOf = ({ id, owner, seal }: ReceiptRow, entry: Entry | undefined) => ({
  id,
  owner: entry ? '' : owner,
  content: seal(),
})

function rowOf({ usage, chatId, ...entry }: Entry, id: string) {
  const { model = null, cost = null, prompt, completion, cached, estimated } = usage
  const counts = { promptTokens: prompt, completionTokens: completion, cachedTokens: cached }
  return {
    ...entry,
    id,
    chatId: chatId ?? null,
    model,
    cost,
    ...counts,
    estimated: Number(estimated),
  }
}

/** 64 bits of chance in hex: the first 32 and the last 32 of a UUID (RFC 9562, section 5.4), for a tenth of `randomBytes`. */
function newId(): string {
  const uuid = crypto.randomUUID()
  return uuid.slice(0, 8) + uuid.slice(28)
}

const value = (name: string) => sql`${sql.placeholder(name)}`

function statements({ db }: Store) {
  const owner = value('owner')
  return {
    // One row a statement: 6 µs in a transaction; statements of 10 to 60 rows take Drizzle 15 µs a row.
    insert: db
      .insert(ledger)
      .values({
        owner,
        at: value('at'),
        id: value('id'),
        backend: value('backend'),
        route: value('route'),
        model: value('model'),
        cost: value('cost'),
        status: value('status'),
        ending: value('ending'),
        bytesUp: value('bytesUp'),
        bytesDown: value('bytesDown'),
        chatId: value('chatId'),
        promptTokens: value('promptTokens'),
        completionTokens: value('completionTokens'),
        cachedTokens: value('cachedTokens'),
        estimated: value('estimated'),
      })
      .prepare(),
    find: db
      .select({ id: ledger.id })
      .from(ledger)
      .where(and(eq(ledger.owner, owner), eq(ledger.at, value('at')), eq(ledger.id, value('id'))))
      .prepare(),
  }
}

function receiptStatements({ db }: Store) {
  const id = value('id')
  return {
    keep: db
      .insert(receipts)
      .values({ id, owner: value('owner'), content: value('content') })
      .prepare(),
    findKept: db.select({ id: receipts.id }).from(receipts).where(eq(receipts.id, id)).prepare(),
  }
}
