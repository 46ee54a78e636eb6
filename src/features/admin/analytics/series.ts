import { setImmediate as turn } from 'node:timers/promises'
import { and, gte, lt, sql } from 'drizzle-orm'
import { dollarsOf } from '../../../protocol/metering.ts'
import { late } from '../../../store/late.ts'
import { usageDays, usageHours } from '../../../store/schema.ts'
import type { Store } from '../../../store/store.ts'
import { callers } from './callers.ts'
import { type Bucket, LENGTHS, type Period } from './period.ts'
import { stretchesOf } from './stretches.ts'
import { add, nothing, type Tally, totals } from './tally.ts'

// So many hours or days are summed at once: a few milliseconds, and then others have their turn.
const AT_ONCE = { hour: 6, day: 1 } as const

/** What all callers used, hour by hour or day by day. */
export function series(store: Store) {
  const sums = late(() => statements(store))
  const { beside } = callers(store)
  return async ({ bucket, ...period }: Period & { readonly bucket: Bucket }) => {
    const length = LENGTHS[bucket]
    const { wholeHours, wholeDays } = stretchesOf(period)
    const { start, end } = bucket === 'hour' ? wholeHours : wholeDays
    const found = new Map<number, Tally & { callers: number }>()
    for (let since = start; since < end; since += AT_ONCE[bucket]) {
      const until = Math.min(end, since + AT_ONCE[bucket])
      for (const { time, callers, ...told } of await store.ask(() => sums[bucket].execute({ since, until })))
        found.set(time, { ...told, callers, pico: BigInt(told.pico) })
      await turn()
    }
    for (const [time, tally] of await besides(beside(period, bucket), length)) found.set(time, tally)
    const [first, after] = [Math.floor(period.start / length), Math.ceil(period.end / length)]
    const rows = Array.from({ length: after - first }, (_, at) =>
      shown((first + at) * length, found.get(first + at) ?? { ...nothing(), callers: 0 }),
    )
    return { bucket, rows }
  }
}

/** The tallies of the hours or days that are not whole. */
async function besides(pages: ReturnType<ReturnType<typeof callers>['beside']>, length: number) {
  const found = new Map<number, { tally: Tally; owners: Set<string> }>()
  for await (const page of pages)
    for (const used of page) {
      const time = Math.floor(used.at / length)
      const { tally, owners } = found.get(time) ?? { tally: nothing(), owners: new Set() }
      found.set(time, { tally, owners: owners.add(used.owner) })
      add(tally, used)
    }
  return new Map([...found].map(([time, { tally, owners }]) => [time, { ...tally, callers: owners.size }]))
}

const shown = (
  at: number,
  { requests, errors, cut, prompt, completion, pico, callers }: Tally & { callers: number },
) => ({
  at: new Date(at).toISOString(),
  requests,
  errors,
  cut,
  prompt_tokens: prompt,
  completion_tokens: completion,
  cost: dollarsOf(pico),
  callers,
})

const value = (name: string) => sql`${sql.placeholder(name)}`
const number = (of: unknown) => sql`${of}`.mapWith(Number)

function statements({ db }: Store) {
  const [since, until] = [value('since'), value('until')]
  return {
    hour: db
      .select({
        time: usageHours.hour,
        callers: number(sql`count(DISTINCT ${usageHours.owner})`),
        ...totals(usageHours),
      })
      .from(usageHours)
      .where(and(gte(usageHours.hour, since), lt(usageHours.hour, until)))
      .groupBy(usageHours.hour)
      .prepare(),
    day: db
      .select({ time: usageDays.day, callers: number(sql`count(*)`), ...totals(usageDays) })
      .from(usageDays)
      .where(and(gte(usageDays.day, since), lt(usageDays.day, until)))
      .groupBy(usageDays.day)
      .prepare(),
  }
}
