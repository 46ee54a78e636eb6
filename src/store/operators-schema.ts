import { sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { bigint } from './columns.ts'

/** What an operator rules about models; of any other nothing. */
export const models = sqliteTable('models', {
  /** Its letters as they are compared. */
  id: text().primaryKey(),
  /** As it was given. */
  spelled: text().notNull(),
  /** 0 where nobody may ask it. */
  public: bigint().notNull(),
  /** Sealed. */
  systemPrompt: text('system_prompt'),
  /** In milliseconds since the epoch. */
  updatedAt: bigint('updated_at').notNull(),
})

/** Owners who may ask nothing for a while, or for good. */
export const bans = sqliteTable('bans', {
  owner: text().primaryKey(),
  /** Sealed. */
  reason: text().notNull(),
  /** The owner of who banned them. */
  bannedBy: text('banned_by').notNull(),
  /** In milliseconds since the epoch. */
  at: bigint().notNull(),
  /** When it ends, in milliseconds since the epoch; where it is null it does not. */
  until: bigint(),
})

/** What administrators changed; nothing is ever taken out, or changed. */
export const audit = sqliteTable('audit', {
  /** Begins with its time, so that ids are in that order. */
  id: text().primaryKey(),
  /** In milliseconds since the epoch. */
  at: bigint().notNull(),
  /** The owner of who did it. */
  admin: text().notNull(),
  action: text().notNull(),
  /** The id of what it was done to. */
  about: text(),
  /** Sealed JSON: what was given, no prompt in it. */
  details: text(),
})

/** What an operator tells front ends; of anything else nothing. */
export const configs = sqliteTable('configs', {
  name: text().primaryKey(),
  /** As JSON. */
  value: text().notNull(),
  /** In milliseconds since the epoch. */
  updatedAt: bigint('updated_at').notNull(),
})
