import { and, eq, gte, isNull, lt, sql } from 'drizzle-orm'
import { userOf } from '../../../protocol/principal.ts'
import type { Fields } from '../../../store/fields.ts'
import { late } from '../../../store/late.ts'
import { ledger, users } from '../../../store/schema.ts'
import type { Store } from '../../../store/store.ts'
import { callers } from './callers.ts'
import type { Period } from './period.ts'
import { stretchesOf } from './stretches.ts'

interface Deps {
  store: Store
  fields: Fields
}

/** Who sent the most requests, the busiest first; of as many by their ids. */
export function topUsers({ store, fields }: Deps) {
  const { last, email } = late(() => statements(store))
  const { inDays, beside } = callers(store)

  async function emailOf(user: string | undefined): Promise<string | null> {
    if (user === undefined) return null
    const [row] = await store.ask(() => email.execute({ user }))
    return row?.email ? fields.open({ table: 'users', column: 'email', row: user }, row.email) : null
  }

  async function shown(owner: string, count: number, { start, end }: Period) {
    const user = userOf(owner)
    const [row] = await store.ask(() => last.execute({ owner, since: start, until: end }))
    return {
      owner,
      user_id: user ?? null,
      email: await emailOf(user),
      activity_count: count,
      // Not there where its owner was deleted meanwhile.
      last_active: row?.at ? new Date(row.at).toISOString() : null,
    }
  }

  return async ({ limit, ...period }: Period & { readonly limit: number }) => {
    const counts = new Map<string, number>()
    const count = (page: readonly { owner: string; requests: number }[]) => {
      for (const { owner, requests } of page) counts.set(owner, (counts.get(owner) ?? 0) + requests)
    }
    for await (const page of inDays(stretchesOf(period).wholeDays)) count(page)
    for await (const page of beside(period, 'day')) count(page)
    const top = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, limit)
    return Promise.all(top.map(([owner, count]) => shown(owner, count, period)))
  }
}

const value = (name: string) => sql`${sql.placeholder(name)}`

function statements({ db }: Store) {
  return {
    last: db
      .select({ at: sql`max(${ledger.at})`.mapWith(Number) })
      .from(ledger)
      .where(and(eq(ledger.owner, value('owner')), gte(ledger.at, value('since')), lt(ledger.at, value('until'))))
      .prepare(),
    email: db
      .select({ email: users.email })
      .from(users)
      .where(and(eq(users.id, value('user')), isNull(users.deletedAt)))
      .prepare(),
  }
}
