import { Elysia } from 'elysia'
import type { access } from '../../gate/access.ts'
import type { Ledger } from '../../gate/ledger.ts'
import type { limited } from '../../gate/limited.ts'
import { DAY_MS } from '../../protocol/metering.ts'
import { MOMENT, momentOf } from '../../protocol/moments.ts'
import { described } from '../../protocol/openapi.ts'
import { invalidQuery, parametersIn } from '../../protocol/query.ts'
import { usageDetail } from '../../protocol/usage-docs.ts'
import type { Store } from '../../store/store.ts'
import { type Range, report } from './report.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  store: Store
  ledger: Ledger
  now: () => number
}

const DEFAULT_DAYS = 30

/** What the caller used, and nobody else did. */
export const usage = ({ access, limited, store, ledger, now }: Deps) => {
  const usageOf = report(store)
  return new Elysia({ name: 'usage' })
    .use(access)
    .use(limited)
    .get(
      '/v1/usage',
      async ({ exchange: { target, principal } }) => {
        if (!principal) throw new TypeError('usage of nobody')
        const range = rangeOf(target.query, now())
        await ledger.flush()
        const used = await usageOf(principal.owner, range)
        const { start, end } = range
        const shown = { start: new Date(start).toISOString(), end: new Date(end).toISOString(), ...used }
        return Response.json(shown, { headers: { 'cache-control': 'no-store' } })
      },
      { access: 'inference', limited: 'caller', detail: described(() => usageDetail()) },
    )
}

/** @throws Problem `invalid_query` */
function rangeOf(query: string, now: number): Range {
  const given = parametersIn(query, ['start', 'end'])
  const momentIn = (name: 'start' | 'end') => {
    const text = given.get(name)
    const at = text === undefined ? undefined : momentOf(text)
    if (text !== undefined && at === undefined)
      throw invalidQuery(`"${name}" must be ${MOMENT}; a "+" in it is written %2B.`)
    return at
  }
  // This millisecond is in it, and with it whatever ended just now.
  const end = momentIn('end') ?? now + 1
  const start = momentIn('start') ?? end - DEFAULT_DAYS * DAY_MS
  if (start >= end) throw invalidQuery('"start" must be before "end" (now, if it is not given).')
  return { start, end }
}
