import { eq, sql } from 'drizzle-orm'
import { late } from '../../store/late.ts'
import { linkedAccounts } from '../../store/schema.ts'
import type { Store } from '../../store/store.ts'

/** Tells which accounts at providers are a user's, the oldest first. */
export function linked(store: Store) {
  const { find } = late(() => ({ find: prepare(store) }))
  return async (user: string) => {
    const rows = await store.ask(() => find.execute({ user }))
    return rows.map(({ provider, linkedAt }) => ({ provider, linked_at: new Date(linkedAt).toISOString() }))
  }
}

function prepare({ db }: Store) {
  const { provider, linkedAt, id, userId } = linkedAccounts
  return db
    .select({ provider, linkedAt })
    .from(linkedAccounts)
    .where(eq(userId, sql.placeholder('user')))
    .orderBy(linkedAt, id)
    .prepare()
}
