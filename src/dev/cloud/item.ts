import { isObject } from './call.ts'
import { bad } from './refusal.ts'
import { Shelf } from './shelf.ts'

/** A message, or whatever else a conversation or a response is made of. */
export interface Item {
  readonly id: string
  readonly [member: string]: unknown
}

/** How many items a conversation takes at once, by OpenAI's reference. */
export const MOST_AT_ONCE = 20

/** How long a page of items is, by OpenAI's reference. */
export const ITEMS_PAGE = { usual: 20, most: 100 }

export function itemShelf(): Shelf<Item> {
  return new Shelf('msg_', 'Item')
}

/** Items as a client states them, each with a new id; none for nothing. */
export function itemsFrom(value: unknown, param: string, most = Number.POSITIVE_INFINITY): Item[] {
  const all = value ?? []
  if (!Array.isArray(all) || !all.every(isObject)) throw bad(param, `Invalid type for '${param}': expected objects.`)
  if (all.length > most) throw bad(param, `Too many items in '${param}': at most ${most} at once.`)
  return all.map(({ content, ...item }) =>
    itemOf({ ...item, ...(content !== undefined && { content: parts(content) }) }),
  )
}

/** An item with an id of its own, whatever id it had. */
export function itemOf(members: Record<string, unknown>): Item {
  return { type: 'message', status: 'completed', ...members, id: itemShelf().freshId() }
}

function parts(content: unknown): unknown {
  return typeof content === 'string' ? [{ type: 'input_text', text: content }] : content
}
