import { json } from '../answers.ts'
import { jsonOf, type Routes } from './call.ts'
import { answerOf } from './conversations.ts'
import { ITEMS_PAGE, itemsFrom, MOST_AT_ONCE } from './item.ts'
import { listOf, page } from './page.ts'
import type { State } from './state.ts'

/** Items of a conversation: add, list, one, remove. */
export function items({ conversations }: State): Routes {
  const taken = (id = '') => conversations.take(id)
  return {
    'POST conversations/{id}/items': async call => {
      const { items } = taken(call.params['id'])
      const added = itemsFrom((await jsonOf(call))['items'], 'items', MOST_AT_ONCE)
      return json(listOf(added.map(item => items.put(item))))
    },
    'GET conversations/{id}/items': ({ params, query }) => {
      const { items } = taken(params['id'])
      return json(page(items.all(), query, items, ITEMS_PAGE))
    },
    'GET conversations/{id}/items/{item}': ({ params }) => json(taken(params['id']).items.take(params['item'] ?? '')),
    'DELETE conversations/{id}/items/{item}': ({ params }) => {
      const conversation = taken(params['id'])
      conversation.items.remove(params['item'] ?? '')
      return json(answerOf(conversation))
    },
  }
}
