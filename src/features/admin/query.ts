import { boolean, integer, type Kind } from '../../protocol/kinds.ts'
import { invalidQuery, parametersIn } from '../../protocol/query.ts'

/** A part of a list that is told in pages. */
export interface Page {
  readonly limit: number
  readonly offset: number
}

const LIMIT = integer(1, 100)
const OFFSET = integer(0, Number.MAX_SAFE_INTEGER)

/** Which page a query asks for. @throws Problem `invalid_query` */
export function pageOf(query: string): Page {
  const given = parametersIn(query, ['limit', 'offset'])
  return { limit: chosen(given, 'limit', LIMIT, 20), offset: chosen(given, 'offset', OFFSET, 0) }
}

/** Whether a query asks that something be done all the same. @throws Problem `invalid_query` */
export function wantsForce(query: string): boolean {
  return chosen(parametersIn(query, ['force']), 'force', boolean, false)
}

/** @throws Problem `invalid_query` where there is a query */
export function requireNone(query: string): void {
  parametersIn(query, [])
}

function chosen<T>(given: ReadonlyMap<string, string>, name: string, kind: Kind<T>, unless: T): T {
  const text = given.get(name)
  const value = text === undefined ? unless : kind.read(text)
  if (value === undefined) throw invalidQuery(`"${name}" must be ${kind.expects}.`)
  return value
}
