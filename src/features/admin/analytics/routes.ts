import { Elysia } from 'elysia'
import type { access } from '../../../gate/access.ts'
import type { Ledger } from '../../../gate/ledger.ts'
import type { limited } from '../../../gate/limited.ts'
import { overviewDetail, seriesDetail, topUsersDetail } from '../../../protocol/analytics-docs.ts'
import { described } from '../../../protocol/openapi.ts'
import type { Fields } from '../../../store/fields.ts'
import type { Store } from '../../../store/store.ts'
import { overview } from './overview.ts'
import { type Period, periodOf, seriesOf, topOf } from './period.ts'
import { series } from './series.ts'
import { topUsers } from './top-users.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  store: Store
  fields: Fields
  ledger: Ledger
}

const GUARD = { access: 'admin', limited: 'caller' } as const
const PATH = '/v1/admin/analytics'

/** What all callers did and used, for whoever administers. */
export const analytics = ({ access, limited, ledger, ...kept }: Deps) => {
  const [overviewOf, topUsersIn, seriesIn] = [overview(kept.store), topUsers(kept), series(kept.store)]
  return new Elysia({ name: 'admin-analytics' })
    .use(access)
    .use(limited)
    .get(
      PATH,
      async ({ exchange }) => {
        const period = periodOf(exchange.target.query)
        await ledger.flush()
        return told({ ...ends(period), ...(await overviewOf(period)) })
      },
      { ...GUARD, detail: described(() => overviewDetail()) },
    )
    .get(
      `${PATH}/top-users`,
      async ({ exchange }) => {
        const asked = topOf(exchange.target.query)
        await ledger.flush()
        return told({ ...ends(asked), users: await topUsersIn(asked) })
      },
      { ...GUARD, detail: described(() => topUsersDetail()) },
    )
    .get(
      `${PATH}/series`,
      async ({ exchange }) => {
        const asked = seriesOf(exchange.target.query)
        await ledger.flush()
        return told(await seriesIn(asked))
      },
      { ...GUARD, detail: described(() => seriesDetail()) },
    )
}

const ends = ({ start, end }: Period) => ({
  period_start: new Date(start).toISOString(),
  period_end: new Date(end).toISOString(),
})

const told = (shown: object) => Response.json(shown, { headers: { 'cache-control': 'no-store' } })
