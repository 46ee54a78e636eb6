import type { Fields } from '../store/fields.ts'
import { users } from '../store/schema.ts'

/** Who a user is, as they themselves and whoever administers may see it. */
export interface Profile {
  readonly id: string
  readonly email: string | null
  readonly name: string | null
  readonly avatar_url: string | null
  readonly created_at: string
  readonly updated_at: string
}

const { id, email, name, avatarUrl, createdAt, updatedAt } = users

/** The columns that a profile is made of. */
export const profileColumns = { id, email, name, avatarUrl, createdAt, updatedAt }

/** A row of these, opened. @throws FieldFault */
export function profileOf(fields: Fields, row: Pick<typeof users.$inferSelect, keyof typeof profileColumns>): Profile {
  const opened = (column: string, sealed: string | null) =>
    sealed === null ? null : fields.open({ table: 'users', column, row: row.id }, sealed)
  return {
    id: row.id,
    email: opened('email', row.email),
    name: opened('name', row.name),
    avatar_url: opened('avatar_url', row.avatarUrl),
    created_at: new Date(row.createdAt).toISOString(),
    updated_at: new Date(row.updatedAt).toISOString(),
  }
}
