import { choice, integer } from '../../../protocol/kinds.ts'
import { DAY_MS, HOUR_MS } from '../../../protocol/metering.ts'
import { MOMENT, momentOf } from '../../../protocol/moments.ts'
import { chosen, invalidQuery, parametersIn } from '../../../protocol/query.ts'

/** A stretch of time, its end not in it, in milliseconds since the epoch. */
export interface Period {
  readonly start: number
  readonly end: number
}

/** By what a series is cut into rows: UTC hours or days. */
export const LENGTHS = { hour: HOUR_MS, day: DAY_MS } as const
export type Bucket = keyof typeof LENGTHS

// Forty days by the hour: a chart has no more pixels.
const MOST_ROWS = 1000

const LIMIT = integer(1, 100)
const BUCKET = choice('hour', 'day')

/** Which period a query asks for. @throws Problem `invalid_query` */
export const periodOf = (query: string): Period => periodIn(parametersIn(query, ['start', 'end']))

/** And how many are told. @throws Problem `invalid_query` */
export function topOf(query: string): Period & { readonly limit: number } {
  const given = parametersIn(query, ['start', 'end', 'limit'])
  return { ...periodIn(given), limit: chosen(given, 'limit', LIMIT, 10) }
}

/** And by what it is cut. @throws Problem `invalid_query` */
export function seriesOf(query: string): Period & { readonly bucket: Bucket } {
  const given = parametersIn(query, ['start', 'end', 'bucket'])
  const period = periodIn(given)
  const bucket = chosen(given, 'bucket', BUCKET, 'day')
  const rows = Math.ceil(period.end / LENGTHS[bucket]) - Math.floor(period.start / LENGTHS[bucket])
  if (rows > MOST_ROWS)
    throw invalidQuery(
      `that would be ${rows} rows, and ${MOST_ROWS} are the most: take a shorter period, or "bucket=day".`,
    )
  return { ...period, bucket }
}

function periodIn(given: ReadonlyMap<string, string>): Period {
  const [start, end] = [momentIn(given, 'start'), momentIn(given, 'end')]
  if (start >= end) throw invalidQuery('"start" must be before "end".')
  return { start, end }
}

function momentIn(given: ReadonlyMap<string, string>, name: 'start' | 'end'): number {
  const text = given.get(name)
  const at = text === undefined ? undefined : momentOf(text)
  const wrong = text === undefined ? 'must be given:' : 'must be'
  if (at === undefined) throw invalidQuery(`"${name}" ${wrong} ${MOMENT}; a "+" in it is written %2B.`)
  return at
}
