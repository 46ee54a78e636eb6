import { choice, integer } from '../../protocol/kinds.ts'
import { Problem } from '../../protocol/problem.ts'
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
  const given = new Map<string, string>()
  for (const [name, text] of new URLSearchParams(query)) {
    // Not by name: whatever a caller wrote may be meant for nobody's log.
    if (name !== 'limit' && name !== 'after' && name !== 'order')
      throw invalidQuery('this route takes "limit", "after" and "order", and nothing else.')
    if (given.has(name)) throw invalidQuery(`"${name}" is given twice.`)
    given.set(name, text)
  }
  const limit = LIMIT.read(given.get('limit') ?? '20')
  const order = ORDER.read(given.get('order') ?? 'desc')
  if (limit === undefined) throw invalidQuery(`"limit" must be ${LIMIT.expects}.`)
  if (order === undefined) throw invalidQuery(`"order" must be ${ORDER.expects}.`)
  return { limit, order, after: given.get('after') }
}

/** The refusal of a query. */
export function invalidQuery(what: string): Problem {
  return new Problem('invalid_query', `Invalid query: ${what}`)
}
