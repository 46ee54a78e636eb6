import type { TopLevelSpec } from 'vega-lite'
import type { Figure, Spread, Table } from './figures.ts'
import { svg } from './svg.ts'

/** What a table looks like, by the name of a file; of those that have such a column. */
export async function plots(tables: readonly Table[]): Promise<Readonly<Record<string, string>>> {
  const drawn: Record<string, string> = {}
  for (const { file, title, column } of DRAWN) {
    const points = tables.filter(table => table.title.startsWith(title)).flatMap(table => pointsOf(table, column))
    if (points.length > 0) drawn[file] = await svg(bars(points, column))
  }
  return drawn
}

const DRAWN = [
  { file: 'cpu.svg', title: 'small chats, ', column: 'CPU µs/request' },
  { file: 'latency.svg', title: 'small chats by the clock', column: 'p99 µs' },
  { file: 'events.svg', title: '32 ', column: 'event p50 µs' },
  { file: 'streams.svg', title: 'open streams', column: 'KB/stream' },
] as const

interface Point extends Spread {
  readonly name: string
}

/** Each row of a table, named by what it and its table are of. */
function pointsOf({ title, rows }: Table, column: string): Point[] {
  const [cell] = title.replace('small chats, ', '').split(/[,;]/)
  return rows.flatMap(row => {
    const figure = asSpread(row[column])
    return figure ? [{ name: `${row['streams'] ?? cell}: ${row['name']}`, ...figure }] : []
  })
}

function asSpread(figure: Figure | undefined): Spread | undefined {
  if (typeof figure === 'number') return { median: figure, low: figure, high: figure }
  return typeof figure === 'object' && !Number.isNaN(figure.median) ? figure : undefined
}

/** A bar for each, with a line over all its rounds. */
function bars(values: readonly Point[], title: string): TopLevelSpec {
  const y = { field: 'name', type: 'nominal', title: null, sort: null, axis: { labelLimit: 300 } } as const
  return {
    data: { values: [...values] },
    width: 480,
    layer: [
      { mark: { type: 'bar', height: 12 }, encoding: { y, x: { field: 'median', type: 'quantitative', title } } },
      { mark: 'rule', encoding: { y, x: { field: 'low', type: 'quantitative' }, x2: { field: 'high' } } },
    ],
  }
}
