import { nextTurn } from '../../protocol/json.ts'
import { queryOf } from './query.ts'
import { type Rows, START } from './rows.ts'
import { type File, shown } from './told.ts'

// A turn of the event loop: 1 ms.
const AT_ONCE = 200
const HEADERS = { 'cache-control': 'no-store' }

/** Answers with an owner's files, as a query asks for them. @throws Problem `invalid_query`, `not_found` */
export async function listed(rows: Rows, owner: string, query: string): Promise<Response> {
  const { limit, after, order, purpose } = queryOf(query)
  const files: File[] = []
  let behind = after === undefined ? START[order] : await rows.one(owner, after)
  for (let count = 0; ; await nextTurn()) {
    // One more tells whether there are more.
    count = Math.min(AT_ONCE, limit + 1 - files.length)
    const some = await rows.page(owner, { order, behind, purpose, count })
    files.push(...some)
    if (some.length < count || files.length > limit) break
    behind = some.at(-1) ?? behind
  }
  const page = files.slice(0, limit)
  const ends = { first_id: page[0]?.id, last_id: page.at(-1)?.id }
  const list = { object: 'list', data: page.map(shown), ...ends, has_more: files.length > limit }
  return Response.json(list, { headers: HEADERS })
}

/** Answers with one of an owner's files. @throws Problem `not_found` */
export async function told(rows: Rows, owner: string, id: string): Promise<Response> {
  return Response.json(shown(await rows.one(owner, id)), { headers: HEADERS })
}
