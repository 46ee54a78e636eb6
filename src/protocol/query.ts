import type { Kind } from './kinds.ts'
import { listed } from './members.ts'
import { Problem } from './problem.ts'

/**
 * The parameters of a query, each of these names, and each given once at most.
 * @throws Problem `invalid_query`
 */
export function parametersIn<Name extends string>(query: string, names: readonly Name[]): ReadonlyMap<Name, string> {
  const given = new Map<Name, string>()
  for (const [written, text] of new URLSearchParams(query)) {
    const name = names.find(name => name === written)
    // Not by name: whatever a caller wrote may be meant for nobody's log.
    if (name === undefined) throw invalidQuery(`this route takes ${listed(names)}.`)
    if (given.has(name)) throw invalidQuery(`"${name}" is given twice.`)
    given.set(name, text)
  }
  return given
}

/** The refusal of a query. */
export function invalidQuery(what: string): Problem {
  return new Problem('invalid_query', `Invalid query: ${what}`)
}

/** What a parameter says, if it is given. @throws Problem `invalid_query` */
export function chosen<T>(given: ReadonlyMap<string, string>, name: string, kind: Kind<T>, unless: T): T {
  const text = given.get(name)
  const value = text === undefined ? unless : kind.read(text)
  if (value === undefined) throw invalidQuery(`"${name}" must be ${kind.expects}.`)
  return value
}
