import type { Exchange } from '../../protocol/exchange.ts'
import { faultOf, type Log, ownerTagOf } from '../../protocol/log.ts'
import { invalidQuery } from '../../protocol/query.ts'
import { type Query, queryOf } from './query.ts'
import { type Row, type Rows, START } from './rows.ts'
import { MOST_IDS, type Tell } from './told.ts'

interface Deps {
  rows: Rows
  tell: Tell
  log: Log
}

/** Answers with an owner's conversations. */
export type List = (request: Request, owner: string, exchange: Exchange) => Promise<Response>

/** A conversation as the backend tells it, which its owner's row stands for. */
interface Entry {
  readonly id: string
  readonly entry: object
}

// By which a page of the older API asks for a bare array.
const BARE = 'application/vnd.chat-api+json'
const CALLS_AT_ONCE = 4
const HEADERS = { 'content-type': 'application/json;charset=utf-8', 'cache-control': 'no-store', vary: 'accept' }

/**
 * Lists conversations in the order of our rows, as the backend tells them; those that it has no longer are forgotten.
 * A page is filled as long as there are rows; where nobody owns anything the backend is not asked.
 */
export function list({ rows, tell, log }: Deps): List {
  /** What the backend tells of some rows; or its own answer, where it tells nothing. */
  async function entriesOf(owner: string, some: readonly Row[], exchange: Exchange): Promise<Entry[] | Response> {
    const ids = some.map(({ id }) => id)
    const told = await tell(ids, exchange)
    if (told instanceof Response) return told
    if (told.missing.length > 0) await forget(owner, told.missing)
    return ids.flatMap(id => {
      const entry = told.found.get(id)
      return entry ? { id, entry } : []
    })
  }

  /** What is gone is gone, whether or not it can be noted: a list is answered while the disk is full. */
  async function forget(owner: string, ids: readonly string[]): Promise<void> {
    await rows.forget(owner, ids).catch(error => {
      log('warn', 'prune_failed', { owner: ownerTagOf(owner), fault: faultOf(error) })
    })
  }

  async function page(owner: string, { limit, after, order }: Query, exchange: Exchange): Promise<Response> {
    const entries: Entry[] = []
    let behind = after === undefined ? START[order] : await rows.one(owner, after)
    // Where rows turn out to be gone the next are taken by the call, however few are wanted: there may be many more.
    for (let count = limit; ; count = MOST_IDS) {
      const some = await rows.page(owner, { order, behind, count: count + 1 })
      const found = await entriesOf(owner, some.slice(0, count), exchange)
      if (found instanceof Response) return found
      entries.push(...found)
      const isMore = some.length > count
      if (entries.length >= limit || !isMore) return shown(told(entries, { limit, isMore }), exchange)
      behind = some[count - 1] ?? behind
    }
  }

  async function whole(owner: string, exchange: Exchange): Promise<Response> {
    const count = CALLS_AT_ONCE * MOST_IDS
    const entries: Entry[] = []
    for (let behind: Row | undefined = START.desc; behind; ) {
      const some: Row[] = await rows.page(owner, { order: 'desc', behind, count })
      const found = await entriesOf(owner, some, exchange)
      if (found instanceof Response) return found
      entries.push(...found)
      behind = some[count - 1]
    }
    return shown(
      entries.map(({ entry }) => entry),
      exchange,
    )
  }

  return async ({ headers }, owner, exchange) => {
    const { query } = exchange.target
    if (!accepts(headers.get('accept') ?? '', BARE)) return page(owner, queryOf(query), exchange)
    if (query !== '') throw invalidQuery(`there is none to an answer of the type ${BARE}, which is not in pages.`)
    return whole(owner, exchange)
  }
}

function told(entries: readonly Entry[], { limit, isMore }: { limit: number; isMore: boolean }): object {
  const page = entries.slice(0, limit)
  return {
    object: 'list',
    data: page.map(({ entry }) => entry),
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
    has_more: isMore || entries.length > limit,
  }
}

function shown(list: object, exchange: Exchange): Response {
  const body = Buffer.from(JSON.stringify(list))
  exchange.bytesDown = body.length
  return new Response(body, { headers: HEADERS })
}

/** Whether a media type is named in an `Accept` header (RFC 9110 section 12.5.1), whatever weight it is given. */
function accepts(header: string, type: string): boolean {
  return header.split(',').some(range => range.split(';', 1)[0]?.trim().toLowerCase() === type)
}
