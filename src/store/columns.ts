import { customType } from 'drizzle-orm/sqlite-core'

/** A whole number of up to 53 bits: BIGINT in both engines, a number here. */
export const bigint = customType<{ data: number; driverData: number | string }>({
  dataType: () => 'bigint',
  fromDriver: Number,
})
