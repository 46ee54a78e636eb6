import { sql } from 'drizzle-orm'
import { countedAs, DAY_MS, HOUR_MS, picoOf } from '../protocol/metering.ts'
import { late } from '../store/late.ts'
import { usageDays, usageHours } from '../store/schema.ts'
import type { Store, Write } from '../store/store.ts'
import type { Entry } from './batch.ts'

/**
 * The writes that add entries to the sums by owner, hour and model, and to those by owner and day; in one order, so that
 * of two processes that add to the same ones, one waits for the other and not each for each.
 */
export function sumsOf(store: Store): (entries: readonly Entry[]) => Write[] {
  const { addHour, addDay } = late(() => statements(store))
  return entries => {
    const hours = new Map<string, Sum>()
    const days = new Map<string, Sum>()
    for (const entry of entries) {
      const { owner, at, usage } = entry
      const [hour, day, model] = [Math.floor(at / HOUR_MS), Math.floor(at / DAY_MS), usage.model ?? '']
      add(hours, `${owner} ${hour} ${model}`, entry, () => ({ owner, hour, model }))
      add(days, `${owner} ${day}`, entry, () => ({ owner, day }))
    }
    return [...inOrder(hours, addHour), ...inOrder(days, addDay)]
  }
}

type Sum = ReturnType<typeof nothing>

function nothing() {
  const tokens = { promptTokens: 0, completionTokens: 0, cachedTokens: 0, estimated: 0 }
  return { requests: 0, ...tokens, costPico: 0n, errors: 0, cut: 0, responses: 0 }
}

function add(sums: Map<string, Sum>, key: string, entry: Entry, place: () => object): void {
  const sum = sums.get(key) ?? { ...place(), ...nothing() }
  sums.set(key, sum)
  const { usage } = entry
  const { errors, cut, responses } = countedAs(entry)
  sum.requests++
  sum.promptTokens += usage.prompt
  sum.completionTokens += usage.completion
  sum.cachedTokens += usage.cached
  if (usage.cost !== undefined) sum.costPico += picoOf(usage.cost)
  sum.estimated += Number(usage.estimated)
  sum.errors += errors
  sum.cut += cut
  sum.responses += responses
}

const inOrder = (sums: ReadonlyMap<string, Sum>, statement: Write['statement']): Write[] =>
  [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, values]) => ({ statement, values }))

const value = (name: string) => sql`${sql.placeholder(name)}`

function statements({ db }: Store) {
  const owner = value('owner')
  const counted = {
    requests: value('requests'),
    promptTokens: value('promptTokens'),
    completionTokens: value('completionTokens'),
    costPico: value('costPico'),
    errors: value('errors'),
    cut: value('cut'),
    responses: value('responses'),
  }
  const inHour = { ...counted, cachedTokens: value('cachedTokens'), estimated: value('estimated') }
  /** Each of these columns, with what comes on top. */
  const more = <T extends typeof usageHours | typeof usageDays>(table: T, names: readonly (keyof T & string)[]) =>
    Object.fromEntries(
      names.map(name => {
        const column = table[name as keyof typeof counted]
        return [name, sql`${column} + excluded.${sql.identifier(column.name)}`]
      }),
    )
  return {
    addHour: db
      .insert(usageHours)
      .values({ owner, hour: value('hour'), model: value('model'), ...inHour })
      .onConflictDoUpdate({
        target: [usageHours.owner, usageHours.hour, usageHours.model],
        set: more(usageHours, Object.keys(inHour) as (keyof typeof inHour)[]),
      })
      .prepare(),
    addDay: db
      .insert(usageDays)
      .values({ owner, day: value('day'), ...counted })
      .onConflictDoUpdate({
        target: [usageDays.owner, usageDays.day],
        set: more(usageDays, Object.keys(counted) as (keyof typeof counted)[]),
      })
      .prepare(),
  }
}
