import { and, eq, gte, inArray, lt, ne, sql } from 'drizzle-orm'
import { METERED } from '../../protocol/routes.ts'
import { late } from '../../store/late.ts'
import { activity, ledger } from '../../store/schema.ts'
import type { Store } from '../../store/store.ts'
import type { Page } from './query.ts'

/** Something an owner did, or was answered. */
export interface Activity {
  readonly id: string
  /** In milliseconds since the epoch. */
  readonly at: number
  readonly kind: string
  readonly authMethod: string | null
  /** The id of what it was done with, or of the answer. */
  readonly about: string | null
}

/**
 * Tells a page of what an owner did since a time, or since the 10,000th of their requests before now, the latest first: what is
 * noted of them, and of the ledger the answers that cost tokens. A response that a backend keeps is in both, and told from
 * the ledger, as all others are.
 * @throws Problem `database_unavailable`
 */
export function activities(store: Store) {
  const { page } = late(() => ({ page: prepare(store) }))
  return (owner: string, since: number, { limit, offset }: Page): Promise<Activity[]> =>
    store.ask(() => page.execute({ owner, since, limit, offset }))
}

// 4 ms of SQLite, in which nobody else is served, if none of them is an answer; each 100,000 more take 100 ms.
const MOST_REQUESTS = 10_000

const value = (name: string) => sql`${sql.placeholder(name)}`

function prepare({ db }: Store) {
  const [owner, since] = [value('owner'), value('since')]
  const past = sql.raw(String(MOST_REQUESTS - 1))
  const latest = sql`SELECT at FROM ledger WHERE owner = ${owner} AND at >= ${since} ORDER BY at DESC, id DESC`
  const isTold = (table: typeof activity | typeof ledger) =>
    and(eq(table.owner, owner), sql`${table.at} >= coalesce((${latest} LIMIT 1 OFFSET ${past}), ${since})`)
  const answers = db
    .select({
      ...{ id: ledger.id, at: ledger.at, kind: sql<string>`CAST('response' AS TEXT)` },
      ...{ authMethod: sql<string | null>`CAST(NULL AS TEXT)`, about: ledger.chatId },
    })
    .from(ledger)
    .where(and(isTold(ledger), inArray(ledger.route, [...METERED]), gte(ledger.status, 200), lt(ledger.status, 300)))
  const { id, at, kind, authMethod, about } = activity
  // Both engines read each table backwards by its key, and stop where the page ends.
  return db
    .select({ id, at, kind, authMethod, about })
    .from(activity)
    .where(and(isTold(activity), ne(kind, 'response')))
    .unionAll(answers)
    .orderBy(sql`at DESC`, sql`id DESC`)
    .limit(sql.placeholder('limit'))
    .offset(sql.placeholder('offset'))
    .prepare()
}
