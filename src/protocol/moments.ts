const DATE = /^\d{4}-\d\d-\d\d$/
const DATE_TIME = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/i

/** What {@link momentOf} reads, in words. */
export const MOMENT = 'a date (2026-01-31) or a date-time with its offset (2026-01-31T12:00:00Z, RFC 3339)'

/**
 * Milliseconds since the epoch of a date (its UTC midnight) or an RFC 3339 date-time; `undefined` where it is neither.
 * A fraction of a millisecond is rounded up, so that half-open ranges of whole ones stay what they are. The second 60
 * is refused: no clock here ever shows it.
 */
export function momentOf(text: string): number | undefined {
  if (DATE.test(text)) return instant(text, '00:00:00', 0)
  const [, date = '', time = '', fraction = '', offset = ''] = DATE_TIME.exec(text) ?? []
  const at = instant(date, time, offsetMinutes(offset))
  return at === undefined ? undefined : at + Math.ceil(Number(`0.${fraction || 0}`) * 1000)
}

function instant(date: string, time: string, minutesAhead: number): number | undefined {
  // Years before 100 too, which Date.UTC takes for 1900 and after; and no 30th of February, which Date may take for March.
  const at = Date.parse(`${date}T${time}Z`)
  const isReal = !Number.isNaN(at) && new Date(at).toISOString().startsWith(`${date}T${time}`)
  return isReal && !Number.isNaN(minutesAhead) ? at - minutesAhead * 60_000 : undefined
}

function offsetMinutes(offset: string): number {
  if (offset === 'Z' || offset === 'z') return 0
  const [hours = Number.NaN, minutes = Number.NaN] = offset.slice(1).split(':').map(Number)
  if (hours > 23 || minutes > 59) return Number.NaN
  return (offset.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
}
