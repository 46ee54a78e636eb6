import { choice, integer } from '../../protocol/kinds.ts'
import { Problem } from '../../protocol/problem.ts'
import { parametersIn } from '../../protocol/query.ts'
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

const LIMIT = integer(1, 10_000)
const ORDER = choice('asc', 'desc')

/** What a query asks for. @throws Problem `invalid_query` */
export function queryOf(query: string): Query {
  const given = parametersIn(query, ['limit', 'after', 'order', 'purpose'])
  const limit = LIMIT.read(given.get('limit') ?? '10000')
  const order = ORDER.read(given.get('order') ?? 'desc')
  if (limit === undefined) throw invalidQuery('Invalid limit parameter. Must be between 1 and 10000')
  if (order === undefined) throw invalidQuery("Invalid order parameter. Must be 'asc' or 'desc'")
  return { limit, order, after: given.get('after'), purpose: given.get('purpose') }
}

// Word for word as older clients know them.
const invalidQuery = (message: string) => new Problem('invalid_query', message)
