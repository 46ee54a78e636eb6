import { setImmediate as turn } from 'node:timers/promises'
import { and, asc, eq, gt, gte, lt, type SQL, sql } from 'drizzle-orm'
import { countedAs, HOUR_MS } from '../../../protocol/metering.ts'
import { late } from '../../../store/late.ts'
import { ledger, usageDays, usageHours } from '../../../store/schema.ts'
import type { Store } from '../../../store/store.ts'
import type { Bucket, Period } from './period.ts'
import { stretchesOf } from './stretches.ts'
import { exactly, picoIn, type Told, total, totals } from './tally.ts'

/** What one caller used at some time; of one caller there may be several. */
export type Used = Told & {
  readonly owner: string
  /** In milliseconds since the epoch. */
  readonly at: number
}

// A page takes 5 ms at most, and then others have their turn: SQLite holds up everybody while it reads.
const PAGE_ROWS = 1000
// Of each the rows of an hour are looked up.
const PAGE_CALLERS = 200

/** Who used what, a page at a time. Each throws Problem `database_unavailable`. */
export function callers(store: Store) {
  const { days, hours, rows } = late(() => statements(store))

  /** Within one hour: those who used anything in it, and of each the rows. */
  async function* usedIn({ start, end }: Period): AsyncGenerator<Used[]> {
    const hour = Math.floor(start / HOUR_MS)
    for (let after: string | undefined = ''; after !== undefined; ) {
      const values: Record<string, unknown> = { hour, after, since: start, until: end }
      const found: Row[] = await store.ask(() => rows.execute(values))
      yield found.flatMap(({ request, ...more }) =>
        request === null ? [] : { ...more, at: start, ...timesOf(request, more.requests) },
      )
      await turn()
      // In the database's order, not ours.
      after = new Set(found.map(({ owner }) => owner)).size < PAGE_CALLERS ? undefined : found.at(-1)?.owner
    }
  }

  return {
    /** Requests and responses of whole days. */
    inDays: ({ start, end }: Period) => paged(start, after => store.ask(() => days.execute({ ...after, until: end }))),
    /** What is in a period and in none of its whole days; or hours, where those are told apart from it. */
    async *beside(period: Period, bucket: Bucket): AsyncGenerator<readonly Used[]> {
      const { hoursBeside, parts } = stretchesOf(period)
      for (const { start, end } of bucket === 'day' ? hoursBeside : []) {
        const page = (after: Place) => store.ask(() => hours.execute({ ...after, until: end }))
        for await (const found of paged(start, page)) yield found.map(row => ({ ...row, at: row.time * HOUR_MS }))
      }
      for (const part of parts) yield* usedIn(part)
    },
  }
}

function timesOf({ route, status, ending }: Parameters<typeof countedAs>[0], requests: number) {
  const { errors, cut, responses } = countedAs({ route, status, ending })
  return { errors: errors * requests, cut: cut * requests, responses: responses * requests }
}

/** Requests of a caller that were alike, or a caller without any. */
type Row = Omit<Told, 'errors' | 'cut' | 'responses'> & {
  readonly owner: string
  readonly request: Parameters<typeof countedAs>[0] | null
}

/** Where a page begins: after this hour or day of this owner. */
interface Place {
  readonly time: number
  readonly owner: string
}

async function* paged<Row extends Place>(
  start: number,
  page: (after: Place) => Promise<Row[]>,
): AsyncGenerator<readonly Row[]> {
  for (let after: Place | undefined = { time: start, owner: '' }; after; ) {
    const rows: Row[] = await page(after)
    yield rows
    await turn()
    after = rows.length < PAGE_ROWS ? undefined : rows.at(-1)
  }
}

const value = (name: string) => sql`${sql.placeholder(name)}`
const behind = (time: SQL | typeof usageDays.day | typeof usageHours.hour, owner: unknown) =>
  and(sql`(${time}, ${owner}) > (${value('time')}, ${value('owner')})`, sql`${time} < ${value('until')}`)

function statements({ db }: Store) {
  const inHour = db
    .selectDistinct({ owner: usageHours.owner })
    .from(usageHours)
    .where(and(eq(usageHours.hour, value('hour')), gt(usageHours.owner, value('after'))))
    .orderBy(asc(usageHours.owner))
    .limit(PAGE_CALLERS)
    .as('in_hour')
  return {
    days: db
      .select({
        ...{ time: usageDays.day, owner: usageDays.owner },
        ...{ requests: usageDays.requests, responses: usageDays.responses },
      })
      .from(usageDays)
      .where(behind(usageDays.day, usageDays.owner))
      .orderBy(asc(usageDays.day), asc(usageDays.owner))
      .limit(PAGE_ROWS)
      .prepare(),
    hours: db
      .select({ time: usageHours.hour, owner: usageHours.owner, ...totals(usageHours) })
      .from(usageHours)
      .where(behind(usageHours.hour, usageHours.owner))
      .groupBy(usageHours.hour, usageHours.owner)
      .orderBy(asc(usageHours.hour), asc(usageHours.owner))
      .limit(PAGE_ROWS)
      .prepare(),
    rows: db
      .select({
        owner: inHour.owner,
        request: { route: ledger.route, status: ledger.status, ending: ledger.ending },
        requests: sql`count(${ledger.id})`.mapWith(Number),
        prompt: total(ledger.promptTokens),
        completion: total(ledger.completionTokens),
        pico: exactly(picoIn(ledger)),
      })
      .from(inHour)
      .leftJoin(
        ledger,
        and(eq(ledger.owner, inHour.owner), gte(ledger.at, value('since')), lt(ledger.at, value('until'))),
      )
      .groupBy(inHour.owner, ledger.route, ledger.status, ledger.ending)
      .orderBy(asc(inHour.owner))
      .prepare(),
  }
}
