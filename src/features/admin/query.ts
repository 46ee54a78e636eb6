import { isEmail } from '../../protocol/email.ts'
import { uuidFrom } from '../../protocol/ids.ts'
import { boolean, integer } from '../../protocol/kinds.ts'
import { userOf } from '../../protocol/principal.ts'
import { chosen, invalidQuery, parametersIn } from '../../protocol/query.ts'

/** A part of a list that is told in pages. */
export interface Page {
  readonly limit: number
  readonly offset: number
}

/** Who is looked for. */
export type Sought = { readonly user: string } | { readonly email: string }

const LIMIT = integer(1, 100)
const OFFSET = integer(0, Number.MAX_SAFE_INTEGER)
// What is told goes no further back than the latest 10,000 requests.
const ACTIVITY_OFFSET = integer(0, 10_000)

/** Which page a query asks for. @throws Problem `invalid_query` */
export function pageOf(query: string): Page {
  return pageIn(parametersIn(query, ['limit', 'offset']))
}

/** The same of what a user did. @throws Problem `invalid_query` */
export function activityPageOf(query: string): Page {
  return pageIn(parametersIn(query, ['limit', 'offset']), ACTIVITY_OFFSET)
}

/** Which page of the users a query asks for, and whom of them. @throws Problem `invalid_query` */
export function usersOf(query: string): Page & { readonly sought: Sought | undefined } {
  const given = parametersIn(query, ['limit', 'offset', 'q'])
  const q = given.get('q')
  return { ...pageIn(given), sought: q === undefined ? undefined : soughtIn(q) }
}

/** Whether a query asks that something be done all the same. @throws Problem `invalid_query` */
export function wantsForce(query: string): boolean {
  return chosen(parametersIn(query, ['force']), 'force', boolean, false)
}

/** @throws Problem `invalid_query` where there is a query */
export function requireNone(query: string): void {
  parametersIn(query, [])
}

function pageIn(given: ReadonlyMap<string, string>, offset = OFFSET): Page {
  return { limit: chosen(given, 'limit', LIMIT, 20), offset: chosen(given, 'offset', offset, 0) }
}

function soughtIn(q: string): Sought {
  const user = uuidFrom(q) ?? userOf(q)
  if (user !== undefined) return { user }
  if (isEmail(q)) return { email: q }
  // Not an empty list, which would say that there is nobody of that name.
  throw invalidQuery(
    '"q" must be a whole e-mail address (a "+" in it is written %2B), a user\'s id, or an owner, "u_" and 32 hex digits: what names people is sealed, and cannot be searched by its parts.',
  )
}
