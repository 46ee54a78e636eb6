import { and, eq, isNull, sql } from 'drizzle-orm'
import { profileColumns, profileOf } from '../../gate/profile.ts'
import { tokenProblem } from '../../protocol/token.ts'
import type { Fields } from '../../store/fields.ts'
import { late } from '../../store/late.ts'
import { users } from '../../store/schema.ts'
import type { Store } from '../../store/store.ts'

interface Deps {
  store: Store
  fields: Fields
}

/**
 * Tells who a user is.
 * @throws Problem `session_not_found` where a session of theirs was remembered for a moment longer than they were here.
 */
export function profiles({ store, fields }: Deps) {
  const { find } = late(() => ({ find: prepare(store) }))
  return async (user: string) => {
    const [row] = await store.ask(() => find.execute({ user }))
    if (!row) throw tokenProblem('session_not_found', 'Session not found: its user was deleted.')
    return profileOf(fields, row)
  }
}

function prepare({ db }: Store) {
  return db
    .select(profileColumns)
    .from(users)
    .where(and(eq(users.id, sql.placeholder('user')), isNull(users.deletedAt)))
    .prepare()
}
