import { choice, integer } from '../../protocol/kinds.ts'
import { invalidQuery, parametersIn } from '../../protocol/query.ts'
import type { Order } from './rows.ts'

/** Which of their conversations a caller asks for. */
export interface Query {
  readonly limit: number
  /** The id that they come after. */
  readonly after: string | undefined
  readonly order: Order
}

const LIMIT = integer(1, 1000)
const ORDER = choice('asc', 'desc')

/** What a query asks for. @throws Problem `invalid_query` */
export function queryOf(query: string): Query {
  const given = parametersIn(query, ['limit', 'after', 'order'])
  const limit = LIMIT.read(given.get('limit') ?? '20')
  const order = ORDER.read(given.get('order') ?? 'desc')
  if (limit === undefined) throw invalidQuery(`"limit" must be ${LIMIT.expects}.`)
  if (order === undefined) throw invalidQuery(`"order" must be ${ORDER.expects}.`)
  return { limit, order, after: given.get('after') }
}
