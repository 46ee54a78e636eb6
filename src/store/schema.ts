import { customType, sqliteTable, text } from 'drizzle-orm/sqlite-core'

/** A whole number of up to 53 bits: BIGINT in both engines, a number here. */
const bigint = customType<{ data: number; driverData: number | string }>({
  dataType: () => 'bigint',
  fromDriver: Number,
})

/** One row per caller whose bucket is not full. */
export const limits = sqliteTable('limits', {
  owner: text().primaryKey(),
  /** GCRA's theoretical arrival time: when the bucket will be full again, in microseconds since the epoch. */
  fullAt: bigint('full_at').notNull(),
})

/** What each key in force gives for a fixed text, so that another key is noticed before it does harm. */
export const keyChecks = sqliteTable('key_checks', {
  role: text().primaryKey(),
  value: text().notNull(),
})
