import { HOUR_MS } from '../../../protocol/metering.ts'
import type { Period } from './period.ts'

/** From one number to another, which is not in it: milliseconds, hours or days since the epoch. */
type Stretch = Period

/** A period as what is summed of it: whole hours; whole days and the whole hours beside them; and what is left of both. */
export function stretchesOf(period: Period) {
  const hours = cut(period, HOUR_MS)
  const days = cut(hours.whole, 24)
  return {
    /** In hours. */
    wholeHours: hours.whole,
    /** In days. */
    wholeDays: days.whole,
    /** Of these at most twenty-three on either side. */
    hoursBeside: days.beside,
    /** Each in one hour. */
    parts: hours.beside,
  }
}

function cut({ start, end }: Stretch, length: number) {
  const from = Math.ceil(start / length)
  const to = Math.max(from, Math.floor(end / length))
  const before = { start, end: Math.min(end, from * length) }
  const after = { start: Math.max(to * length, before.end), end }
  return {
    whole: { start: from, end: to },
    beside: [before, after].filter(({ start, end }: Stretch) => start < end),
  }
}
