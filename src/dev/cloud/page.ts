import { bad } from './refusal.ts'
import type { Shelf } from './shelf.ts'

interface Bounds {
  /** How many there are on a page, unless asked for. */
  readonly usual: number
  readonly most: number
}

/** What `limit`, `after` and `order` ask of a list, which stands in ascending order; the last first unless asked. */
export function page<T extends { readonly id: string }>(
  all: readonly T[],
  query: URLSearchParams,
  shelf: Pick<Shelf<T>, 'take'>,
  { usual, most }: Bounds,
) {
  const limit = Number(query.get('limit') ?? usual)
  if (!Number.isInteger(limit) || limit < 1 || limit > most) {
    throw bad('limit', `Invalid limit parameter. Must be between 1 and ${most}`)
  }
  const order = query.get('order') ?? 'desc'
  if (order !== 'asc' && order !== 'desc') throw bad('order', "Invalid order parameter. Must be 'asc' or 'desc'")
  const sorted = order === 'asc' ? all : all.toReversed()
  const after = query.get('after')
  const from = after === null ? 0 : sorted.indexOf(shelf.take(after)) + 1
  return listOf(sorted.slice(from, from + limit), from + limit < all.length)
}

/** OpenAI's list. */
export function listOf<T extends { readonly id: string }>(data: readonly T[], has_more = false) {
  return { object: 'list', data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more }
}
