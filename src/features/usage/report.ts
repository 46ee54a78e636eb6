import { setImmediate as turn } from 'node:timers/promises'
import { and, eq, gte, lt, type SQL, sql } from 'drizzle-orm'
import { DAY_MS, dollarsOf, HOUR_MS } from '../../protocol/metering.ts'
import { late } from '../../store/late.ts'
import { ledger, usageHours } from '../../store/schema.ts'
import type { Store } from '../../store/store.ts'

/** A stretch of time, its end not in it, in milliseconds since the epoch. */
export interface Range {
  readonly start: number
  readonly end: number
}

// The rows of an hour's part are summed by the minute: a caller may have a million in it, and the sum holds up everybody.
const SLICE_MS = 60_000

/** Sums of requests, as the database gives them. */
interface Row {
  readonly day: number
  /** Empty where none was stated. */
  readonly model: string
  readonly requests: number
  readonly prompt: number
  readonly completion: number
  readonly cached: number
  /** US dollars × 10¹²: as text, for it may be more than a number holds. */
  readonly pico: string
  readonly estimated: number
}

/** What an owner used in a range of time: whole hours as they were summed when they were booked, the rest row by row. */
export function report(store: Store) {
  const { hours, rows } = late(() => statements(store))
  return async (owner: string, { start, end }: Range) => {
    const from = Math.ceil(start / HOUR_MS)
    const to = Math.max(from, Math.floor(end / HOUR_MS))
    const found: Row[] = await store.ask(() => hours.execute({ owner, since: from, until: to }))
    const edges = [
      { start, end: Math.min(end, from * HOUR_MS) },
      { start: Math.max(to * HOUR_MS, Math.min(end, from * HOUR_MS)), end },
    ]
    for (const edge of edges)
      for (let at = edge.start; at < edge.end; at += SLICE_MS) {
        const day = Math.floor(at / DAY_MS)
        found.push(
          ...(await store.ask(() => rows.execute({ owner, day, since: at, until: Math.min(edge.end, at + SLICE_MS) }))),
        )
        await turn()
      }
    return {
      total: shown(found),
      by_model: [...Map.groupBy(found, ({ model }) => model)]
        .map(([model, own]) => ({ model: model || null, ...shown(own) }))
        .sort((a, b) => b.total_tokens - a.total_tokens || ((a.model ?? '') < (b.model ?? '') ? -1 : 1)),
      by_day: [...Map.groupBy(found, ({ day }) => day)]
        .sort(([a], [b]) => a - b)
        .map(([day, own]) => ({ day: new Date(day * DAY_MS).toISOString().slice(0, 10), ...shown(own) })),
    }
  }
}

function shown(rows: readonly Row[]) {
  const sum = (count: (row: Row) => number) => rows.reduce((sum, row) => sum + count(row), 0)
  const [prompt, completion] = [sum(row => row.prompt), sum(row => row.completion)]
  return {
    requests: sum(row => row.requests),
    prompt_tokens: prompt,
    completion_tokens: completion,
    cached_tokens: sum(row => row.cached),
    total_tokens: prompt + completion,
    cost: dollarsOf(rows.reduce((sum, row) => sum + BigInt(row.pico), 0n)),
    estimated: sum(row => row.estimated),
  }
}

const value = (name: string) => sql`${sql.placeholder(name)}`
const number = (text: SQL) => text.mapWith(Number)
const total = (of: unknown) => number(sql`sum(${of})`)
const exactly = (of: unknown) => sql<string>`CAST(coalesce(sum(${of}), 0) AS TEXT)`

function statements({ db }: Store) {
  const [owner, since, until] = [value('owner'), value('since'), value('until')]
  const counts = (table: typeof ledger | typeof usageHours) => ({
    prompt: total(table.promptTokens),
    completion: total(table.completionTokens),
    cached: total(table.cachedTokens),
    estimated: total(table.estimated),
  })
  const day = sql`${usageHours.hour} / 24`
  const model = sql<string>`coalesce(${ledger.model}, '')`
  return {
    hours: db
      .select({
        day: number(day),
        model: usageHours.model,
        requests: total(usageHours.requests),
        pico: exactly(usageHours.costPico),
        ...counts(usageHours),
      })
      .from(usageHours)
      .where(and(eq(usageHours.owner, owner), gte(usageHours.hour, since), lt(usageHours.hour, until)))
      .groupBy(day, usageHours.model)
      .prepare(),
    rows: db
      .select({
        day: number(sql`CAST(${value('day')} AS BIGINT)`),
        model,
        requests: number(sql`count(*)`),
        // Twelve decimals, always: without its point it is a whole number.
        pico: exactly(sql`CAST(REPLACE(${ledger.cost}, '.', '') AS BIGINT)`),
        ...counts(ledger),
      })
      .from(ledger)
      .where(and(eq(ledger.owner, owner), gte(ledger.at, since), lt(ledger.at, until)))
      .groupBy(model)
      .prepare(),
  }
}
