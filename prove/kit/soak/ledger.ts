import { runOn } from '../../../test/kit/database.ts'
import { agrees, type Row } from '../booked.ts'
import type { Figure } from '../claim.ts'
import type { Entry } from '../enclave-with-books.ts'
import { EACH, LEAST_BYTES } from './load.ts'

type Owned = Row & { readonly owner: string }

// What the enclave adds to a request's number when it states tokens of the prompt.
const PROMPT_IS_ABOVE = 100

/** The ledger against the enclave's books, row by row: nothing wrong, nothing lost, nothing twice. */
export async function ledgerFigure(database: string, books: ReadonlyMap<number, Entry>): Promise<Figure> {
  const rows = (await runOn<never>(database, 'SELECT * FROM ledger')) as unknown as Owned[]
  const numbers = [...Map.groupBy(rows, ({ owner }) => owner).values()].flatMap(numbered)
  const known = new Map(numbers)
  const lost = [...books.keys()].filter(number => !known.has(number))
  const wrong = numbers.filter(([number, row]) => {
    const entry = books.get(number)
    return !(entry && agrees(row, entry))
  })
  for (const [number, row] of wrong.slice(0, 5))
    console.error(number, JSON.stringify({ row, entry: books.get(number) }))
  for (const number of lost.slice(0, 5)) console.error(number, JSON.stringify(books.get(number)))
  const twice = rows.length - known.size
  const is = `${rows.length} rows for ${books.size} requests: ${wrong.length} wrong, ${lost.length} lost, ${twice} twice`
  return { what: 'the ledger beside the enclave’s books:', is, holds: wrong.length + lost.length + twice === 0 }
}

/** The rows of one owner by the numbers of their requests: which caller that is, a stated prompt tells. */
function numbered(rows: readonly Owned[]): (readonly [number, Owned])[] {
  const stated = rows.find(({ estimated, prompt_tokens: prompt }) => estimated === 0 && prompt > PROMPT_IS_ABOVE)
  const first = Math.floor(((stated?.prompt_tokens ?? 0) - PROMPT_IS_ABOVE) / EACH) * EACH
  return rows.map(row => [first + row.bytes_up - LEAST_BYTES, row] as const)
}
