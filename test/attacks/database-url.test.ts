import { expect, test } from 'bun:test'
import { SQL } from 'bun'
import { database } from '../../src/protocol/kinds.ts'

test.each(['pa%ss', '100%', '%zz', '%ff', 'p%25', 'p%40', 'p%C3%A9', 'p$&+!*'])(
  'a database URL with the password %s is taken where the driver takes it',
  async password => {
    const url = `postgres://me:${password}@127.0.0.1:1/sealgate`
    const isTaken = await Promise.try(() => new SQL(url, { max: 1 }).close()).then(
      () => true,
      () => false,
    )
    expect(database.read(url) !== undefined).toBe(isTaken)
  },
)
