import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core'
import { foldedEmail } from '../protocol/email.ts'
import { audit, bans, models } from './operators-schema.ts'
import {
  apiKeys,
  files,
  keptSecrets,
  linkedAccounts,
  receipts,
  sessions,
  signIns,
  userSettings,
  users,
} from './schema.ts'

/** A column whose values are sealed, and the column that holds the row's id. */
export interface SealedColumn {
  readonly table: SQLiteTable
  readonly column: SQLiteColumn
  readonly row: SQLiteColumn
}

/** A column of keyed hashes, by which sealed values are found. */
export interface LookupColumn {
  readonly column: SQLiteColumn
  /** Keeps the hashes of different things apart. */
  readonly what: string
  /** The sealed column whose values are hashed. */
  readonly of: SQLiteColumn
  /** The spelling that is hashed. */
  readonly normalised: (text: string) => string
}

/** Every sealed column. */
export const sealedColumns: readonly SealedColumn[] = [
  { table: users, column: users.email, row: users.id },
  { table: users, column: users.name, row: users.id },
  { table: users, column: users.avatarUrl, row: users.id },
  { table: userSettings, column: userSettings.content, row: userSettings.userId },
  { table: apiKeys, column: apiKeys.name, row: apiKeys.id },
  { table: sessions, column: sessions.proof, row: sessions.id },
  { table: signIns, column: signIns.content, row: signIns.stateHash },
  { table: linkedAccounts, column: linkedAccounts.account, row: linkedAccounts.id },
  { table: files, column: files.filename, row: files.id },
  { table: keptSecrets, column: keptSecrets.value, row: keptSecrets.name },
  { table: models, column: models.systemPrompt, row: models.id },
  { table: receipts, column: receipts.content, row: receipts.id },
  { table: bans, column: bans.reason, row: bans.owner },
  { table: audit, column: audit.details, row: audit.id },
]

/** Every column of keyed hashes. */
export const lookupColumns: readonly LookupColumn[] = [
  { column: users.emailHash, what: 'email', of: users.email, normalised: foldedEmail },
  {
    column: linkedAccounts.accountHash,
    what: 'account',
    of: linkedAccounts.account,
    normalised: account => account,
  },
]
