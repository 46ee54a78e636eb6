/** What several rounds gave: the one in the middle, and how far they lay apart. */
export interface Spread {
  readonly median: number
  readonly low: number
  readonly high: number
}

/** A cell of a table. */
export type Figure = Spread | number | string

/** Rows that have the same columns, as they are printed and written to JSON. */
export interface Table {
  readonly title: string
  readonly rows: readonly Readonly<Record<string, Figure>>[]
}

const sorted = (values: readonly number[]) => values.toSorted((a, b) => a - b)

/** The value below which this part of all lies, by the nearest rank. */
export function quantile(values: readonly number[], part: number): number {
  return sorted(values)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? Number.NaN
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

export function spread(values: readonly number[]): Spread {
  return { median: median(values), low: quantile(values, 0), high: quantile(values, 1) }
}

/** What each round of one has more than the same round of another. */
export function added(mine: readonly number[], other: readonly number[]): Spread {
  return spread(mine.map((value, round) => value - (other[round] ?? Number.NaN)))
}

/** How often each round of one has what the same round of another has. */
export function times(mine: readonly number[], other: readonly number[]): Spread {
  return spread(mine.map((value, round) => value / (other[round] ?? Number.NaN)))
}

/** A table in Markdown. */
export function markdown({ title, rows }: Table): string {
  const columns = Object.keys(rows[0] ?? {})
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`
  const head = [columns, columns.map(() => '---')].map(line).join('')
  return `\n${title}\n\n${head}${rows.map(row => line(columns.map(column => shown(row[column] ?? '–')))).join('')}`
}

function shown(figure: Figure): string {
  if (typeof figure === 'string') return figure
  if (typeof figure === 'number') return short(figure)
  if (Number.isNaN(figure.median)) return '–'
  return `${short(figure.median)} (${short(figure.low)}–${short(figure.high)})`
}

/** Three digits that count: no bench here is better than that. */
function short(value: number): string {
  if (Number.isNaN(value)) return '–'
  if (Number.isInteger(value) || Math.abs(value) >= 100) return value.toFixed(0)
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2)
}
