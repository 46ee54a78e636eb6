import { setImmediate as turn } from 'node:timers/promises'
import { and, asc, isNull, lt, sql } from 'drizzle-orm'
import { userOf } from '../../../protocol/principal.ts'
import { late } from '../../../store/late.ts'
import { activity, users } from '../../../store/schema.ts'
import type { Store } from '../../../store/store.ts'
import { callers } from './callers.ts'
import type { Period } from './period.ts'
import { stretchesOf } from './stretches.ts'

// Two milliseconds.
const PAGE_ROWS = 1000

/** How many there are, and what they did in a period. */
export function overview(store: Store) {
  const { people, acts } = late(() => statements(store))
  const { inDays, beside } = callers(store)

  async function* actsIn({ start, end }: Period) {
    for (let after: Place | undefined = { at: start, owner: '', id: '' }; after; ) {
      const { at, owner, id }: Place = after
      const page: Act[] = await store.ask(() => acts.execute({ at, owner, id, until: end }))
      yield* page
      await turn()
      after = page.length < PAGE_ROWS ? undefined : page.at(-1)
    }
  }

  return async (period: Period) => {
    const { start, end } = period
    const active = new Set<string>()
    const seen = (owner: string) => userOf(owner) !== undefined && active.add(owner)
    let responses = 0
    const count = (page: readonly { owner: string; requests: number; responses: number }[]) => {
      for (const used of page) {
        seen(used.owner)
        responses += used.responses
      }
    }
    for await (const page of inDays(stretchesOf(period).wholeDays)) count(page)
    for await (const page of beside(period, 'day')) count(page)
    const kinds = new Map<string, number>()
    const methods = new Map<string, Method>()
    for await (const { owner, kind, method } of actsIn(period)) {
      seen(owner)
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      if (method === null) continue
      const own = methods.get(method) ?? { users: new Set(), login: 0, signup: 0 }
      methods.set(method, own)
      own.users.add(owner)
      if (kind === 'login' || kind === 'signup') own[kind]++
    }
    const [{ all = 0, fresh = 0 } = {}] = await store.ask(() => people.execute({ since: start, until: end }))
    const of = (kind: string) => kinds.get(kind) ?? 0
    const logins = { total_logins: of('login'), total_signups: of('signup') }
    return {
      user_metrics: { total_users: all, new_users: fresh, active_users: active.size, ...logins },
      activity_metrics: {
        total_responses: responses,
        total_conversations: of('conversation'),
        total_file_uploads: of('file_upload'),
      },
      by_auth_method: [...methods]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([auth_method, { users, login, signup }]) => ({
          ...{ auth_method, user_count: users.size },
          ...{ login_count: login, signup_count: signup },
        })),
    }
  }
}

interface Method {
  readonly users: Set<string>
  login: number
  signup: number
}

interface Place {
  readonly at: number
  readonly owner: string
  readonly id: string
}

interface Act extends Place {
  readonly kind: string
  readonly method: string | null
}

const value = (name: string) => sql`${sql.placeholder(name)}`

function statements({ db }: Store) {
  const { at, owner, id, kind, authMethod: method } = activity
  const isNew = sql`${users.createdAt} >= ${value('since')} AND ${users.createdAt} < ${value('until')}`
  return {
    people: db
      .select({
        all: sql`count(*)`.mapWith(Number),
        fresh: sql`coalesce(sum(CASE WHEN ${isNew} THEN 1 ELSE 0 END), 0)`.mapWith(Number),
      })
      .from(users)
      .where(isNull(users.deletedAt))
      .prepare(),
    acts: db
      .select({ at, owner, id, kind, method })
      .from(activity)
      .where(
        and(
          sql`(${at}, ${owner}, ${id}) > (${value('at')}, ${value('owner')}, ${value('id')})`,
          lt(at, value('until')),
        ),
      )
      .orderBy(asc(at), asc(owner), asc(id))
      .limit(PAGE_ROWS)
      .prepare(),
  }
}
