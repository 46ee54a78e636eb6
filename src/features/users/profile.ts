import { and, eq, isNull, sql } from 'drizzle-orm'
import { tokenProblem } from '../../protocol/token.ts'
import type { Fields } from '../../store/fields.ts'
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
  const find = prepare(store)
  return async (user: string) => {
    const [row] = await store.ask(() => find.execute({ user }))
    if (!row) throw tokenProblem('session_not_found', 'Session not found: its user was deleted.')
    const opened = (column: string, sealed: string) => fields.open({ table: 'users', column, row: user }, sealed)
    return {
      id: user,
      email: row.email === null ? null : opened('email', row.email),
      name: row.name === null ? null : opened('name', row.name),
      avatar_url: row.avatarUrl === null ? null : opened('avatar_url', row.avatarUrl),
      created_at: new Date(row.createdAt).toISOString(),
      updated_at: new Date(row.updatedAt).toISOString(),
    }
  }
}

function prepare({ db }: Store) {
  const { email, name, avatarUrl, createdAt, updatedAt } = users
  return db
    .select({ email, name, avatarUrl, createdAt, updatedAt })
    .from(users)
    .where(and(eq(users.id, sql.placeholder('user')), isNull(users.deletedAt)))
    .prepare()
}
