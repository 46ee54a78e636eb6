import { json } from '../answers.ts'
import { type Json, jsonOf, objectIn, type Routes } from './call.ts'
import { itemOf, itemShelf, itemsFrom, MOST_AT_ONCE } from './item.ts'
import { once } from './once.ts'
import { bad } from './refusal.ts'
import { type Conversation, type Manner, type State, secondsOf } from './state.ts'

const MOST_IDS = 1000

type Making = Pick<Manner, 'now' | 'isForgetful'>

/** Conversations: create, read, change, delete, many at once, pin, archive, clone. */
export function conversations(state: State, manner: Making): Routes {
  const { conversations: shelf } = state
  const taken = (id = '') => shelf.take(id)
  const made = (metadata: Json, contents: Iterable<Json>) => {
    const conversation = { id: shelf.freshId(), created_at: secondsOf(manner), metadata, items: itemShelf() }
    for (const item of contents) conversation.items.put(itemOf(item))
    return answerOf(shelf.put(conversation))
  }
  const making = once(state, manner)
  const marked = (name: string, marks: boolean) => {
    return ({ params }: { params: Readonly<Record<string, string>> }) => {
      const conversation = taken(params['id'])
      const { [name]: _, ...others } = conversation.metadata
      conversation.metadata = marks ? { ...others, [name]: secondsOf(manner) } : others
      return json(answerOf(conversation))
    }
  }
  return {
    'POST conversations': making(async call => {
      const body = await jsonOf(call)
      return made(objectIn(body, 'metadata') ?? {}, itemsFrom(body['items'], 'items', MOST_AT_ONCE))
    }),
    'POST conversations/batch': async call => {
      const { ids } = await jsonOf(call)
      if (!isStrings(ids)) throw bad('ids', "Invalid 'ids': expected an array of strings.")
      if (ids.length > MOST_IDS) throw bad('ids', `Too many conversations: at most ${MOST_IDS} at once.`)
      const found = ids.map(id => shelf.find(id))
      const data = found.filter(conversation => conversation !== undefined).map(answerOf)
      return json({ object: 'list', data, missing_ids: ids.filter((_, index) => !found[index]) })
    },
    'GET conversations/{id}': ({ params }) => json(answerOf(taken(params['id']))),
    'POST conversations/{id}': async call => {
      const conversation = taken(call.params['id'])
      conversation.metadata = objectIn(await jsonOf(call), 'metadata') ?? {}
      return json(answerOf(conversation))
    },
    'DELETE conversations/{id}': ({ params: { id = '' } }) => {
      shelf.remove(id)
      // As it was spelled: cloud-api does not correct it.
      return json({ id, object: 'conversation.deleted', deleted: true })
    },
    'POST conversations/{id}/pin': marked('pinned_at', true),
    'DELETE conversations/{id}/pin': marked('pinned_at', false),
    'POST conversations/{id}/archive': marked('archived_at', true),
    'DELETE conversations/{id}/archive': marked('archived_at', false),
    'POST conversations/{id}/clone': making(({ params }) => {
      const { id, metadata, items } = taken(params['id'])
      return made({ ...metadata, cloned_from_id: id }, items.all())
    }),
  }
}

/** A conversation as OpenAI answers it. */
export function answerOf({ id, created_at, metadata }: Conversation) {
  return { id, object: 'conversation', created_at, metadata }
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(entry => typeof entry === 'string')
}
