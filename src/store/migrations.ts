/**
 * The schema's history, embedded in the binary. A migration's number is its place here, counted from one; it is never
 * changed once released. DDL both engines understand: TEXT and BIGINT.
 */
export const MIGRATIONS: readonly (readonly string[])[] = [
  [
    'CREATE TABLE limits (owner TEXT PRIMARY KEY NOT NULL, full_at BIGINT NOT NULL)',
    'CREATE TABLE key_checks (role TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)',
  ],
]
