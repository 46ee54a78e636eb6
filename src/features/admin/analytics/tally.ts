import { type SQL, sql } from 'drizzle-orm'
import type { ledger, usageDays, usageHours } from '../../../store/schema.ts'

/** What requests add up to. */
export interface Tally {
  requests: number
  errors: number
  cut: number
  responses: number
  prompt: number
  completion: number
  /** US dollars × 10¹². */
  pico: bigint
}

/** The same as the database gives it: its cost as text, for it may be more than a number holds. */
export type Told = Omit<Tally, 'pico'> & { readonly pico: string }

/** A tally of no request. */
export const nothing = (): Tally => ({
  ...{ requests: 0, errors: 0, cut: 0, responses: 0 },
  ...{ prompt: 0, completion: 0, pico: 0n },
})

/** Adds one to another. */
export function add(sum: Tally, more: Told): void {
  sum.requests += more.requests
  sum.errors += more.errors
  sum.cut += more.cut
  sum.responses += more.responses
  sum.prompt += more.prompt
  sum.completion += more.completion
  sum.pico += BigInt(more.pico)
}

/** A sum as a number. */
export const total = (of: unknown) => sql`coalesce(sum(${of}), 0)`.mapWith(Number)

/** A sum of whole numbers, to its last digit. */
export const exactly = (of: SQL | typeof usageHours.costPico | typeof usageDays.costPico) =>
  sql<string>`CAST(coalesce(sum(${of}), 0) AS TEXT)`

/** The columns that add rows of sums up. */
export const totals = (table: typeof usageHours | typeof usageDays) => ({
  requests: total(table.requests),
  errors: total(table.errors),
  cut: total(table.cut),
  responses: total(table.responses),
  prompt: total(table.promptTokens),
  completion: total(table.completionTokens),
  pico: exactly(table.costPico),
})

/** What a row of the ledger costs in 10⁻¹² US dollars: twelve decimals, always, so without its point it is whole. */
export const picoIn = (table: typeof ledger) => sql`CAST(REPLACE(${table.cost}, '.', '') AS BIGINT)`
