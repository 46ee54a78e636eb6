import { eventsOf, json } from '../answers.ts'
import { jsonOf, type Routes } from './call.ts'
import { EVENTS } from './chat.ts'
import { ITEMS_PAGE, itemShelf } from './item.ts'
import { page } from './page.ts'
import { Refusal } from './refusal.ts'
import { begin } from './response.ts'
import { responseFrames } from './response-events.ts'
import { signedFrames, signedJson } from './signatures.ts'
import type { Kept, Manner, State } from './state.ts'

/** Responses: create, read, cancel, delete, what one was given. */
export function responses(state: State, manner: Manner): Routes {
  const { responses: shelf, signed, made } = state
  return {
    'POST responses': async call => {
      const key = manner.isForgetful ? null : call.heard.headers.get('idempotency-key')
      const before = key !== null && made.get(key)
      if (before) return json(before)
      const asked = await jsonOf(call)
      const begun = begin(state, asked, manner)
      if (key !== null) made.set(key, begun.body)
      if (asked['stream'] !== true) {
        begun.complete()
        return signedJson(signed, begun.id, call.heard, begun.body)
      }
      call.left.addEventListener('abort', () => cancel(begun))
      const frames = signedFrames(signed, begun.id, call.heard, responseFrames(begun))
      return new Response(
        eventsOf(frames, () => manner.sleep(manner.pace)),
        { headers: EVENTS },
      )
    },
    'GET responses/{id}': ({ params: { id = '' } }) => json(shelf.take(id).body),
    'DELETE responses/{id}': ({ params: { id = '' } }) => {
      shelf.remove(id)
      return json({ id, object: 'response', deleted: true })
    },
    'POST responses/{id}/cancel': ({ params: { id = '' } }) => {
      const kept = shelf.take(id)
      if (!cancel(kept)) throw new Refusal(400, `Cannot cancel a response that is ${kept.body.status}.`)
      return json(kept.body)
    },
    'GET responses/{id}/input_items': ({ params: { id = '' }, query }) => {
      const { input } = shelf.take(id)
      const items = itemShelf()
      for (const item of input) items.put(item)
      return json(page(input, query, items, ITEMS_PAGE))
    },
  }
}

/** Whether it could still be cancelled. */
function cancel(kept: Kept): boolean {
  if (kept.body.status !== 'in_progress') return false
  kept.body = { ...kept.body, status: 'cancelled' }
  return true
}
