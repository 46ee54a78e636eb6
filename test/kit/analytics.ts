import { overview } from '../../src/features/admin/analytics/overview.ts'
import { series } from '../../src/features/admin/analytics/series.ts'
import { topUsers } from '../../src/features/admin/analytics/top-users.ts'
import { ledger } from '../../src/gate/ledger.ts'
import { fields } from '../../src/store/fields.ts'
import { openStore } from '../../src/store/open.ts'
import { DATA_KEY } from './database.ts'

/** What administrators are told of a database, and a ledger to write it. */
export async function analyticsOf(url: string) {
  const { store, keys } = await openStore({ url, dataKey: Buffer.from(DATA_KEY, 'hex'), identityKey: undefined })
  const book = ledger({ store, log: () => undefined, flushMs: 1_000_000 })
  return {
    book,
    overview: overview(store),
    series: series(store),
    topUsers: topUsers({ store, fields: fields(keys.fields) }),
    stop: async () => {
      await book.close()
      await store.close()
    },
  }
}
