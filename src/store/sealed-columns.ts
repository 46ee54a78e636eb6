/** Columns whose values are sealed (`fields.ts`), each with the column that names its row. */
export const SEALED_COLUMNS = [
  { table: 'users', column: 'email', row: 'id' },
  { table: 'users', column: 'name', row: 'id' },
  { table: 'users', column: 'avatar_url', row: 'id' },
  { table: 'user_settings', column: 'content', row: 'user_id' },
  { table: 'api_keys', column: 'name', row: 'id' },
] as const

/** Columns with the lookup hash of a sealed one: of the text in it, in small letters. */
export const LOOKUP_COLUMNS = [{ table: 'users', row: 'id', column: 'email_hash', what: 'email', of: 'email' }] as const
