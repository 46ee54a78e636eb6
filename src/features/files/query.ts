import { choice, integer } from '../../protocol/kinds.ts'
import { Problem } from '../../protocol/problem.ts'
import type { Order } from './rows.ts'

/** Which of their files a caller asks for. */
export interface Query {
  readonly limit: number
  /** The id that they come after. */
  readonly after: string | undefined
  readonly order: Order
  /** Those of this purpose alone. */
  readonly purpose: string | undefined
}

const NAMES = ['limit', 'after', 'order', 'purpose']
const LIMIT = integer(1, 10_000)
const ORDER = choice('asc', 'desc')

/** What a query asks for. @throws Problem `invalid_query` */
export function queryOf(query: string): Query {
  const given = new Map<string, string>()
  for (const [name, text] of new URLSearchParams(query)) {
    // Not by name: whatever a caller wrote may be meant for nobody's log.
    if (!NAMES.includes(name))
      throw invalidQuery('Invalid query: this route takes "limit", "after", "order" and "purpose", and nothing else.')
    if (given.has(name)) throw invalidQuery(`Invalid query: "${name}" is given twice.`)
    given.set(name, text)
  }
  const limit = LIMIT.read(given.get('limit') ?? '10000')
  const order = ORDER.read(given.get('order') ?? 'desc')
  if (limit === undefined) throw invalidQuery('Invalid limit parameter. Must be between 1 and 10000')
  if (order === undefined) throw invalidQuery("Invalid order parameter. Must be 'asc' or 'desc'")
  return { limit, order, after: given.get('after'), purpose: given.get('purpose') }
}

const invalidQuery = (message: string) => new Problem('invalid_query', message)
