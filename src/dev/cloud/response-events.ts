import type { Frames } from '../answers.ts'
import { tokens } from '../model.ts'
import type { Begun } from './response.ts'

/** A response as OpenAI streams it; completed when its last event is made, given up when it is cancelled before. */
export function* responseFrames(begun: Begun): Frames {
  const { message, text } = begun
  let count = 0
  const event = (type: string, members: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: count++, ...members })}\n\n`
  const place = { item_id: message.id, output_index: 0, content_index: 0 }
  const part = { type: 'output_text', annotations: [], logprobs: [] }
  yield event('response.created', { response: begun.body })
  yield event('response.in_progress', { response: begun.body })
  yield event('response.output_item.added', {
    output_index: 0,
    item: { ...message, status: 'in_progress', content: [] },
  })
  yield event('response.content_part.added', { ...place, part: { ...part, text: '' } })
  for (const delta of tokens(text)) {
    if (begun.body.status === 'cancelled') return ''
    yield event('response.output_text.delta', { ...place, delta, logprobs: [] })
  }
  yield event('response.output_text.done', { ...place, text, logprobs: [] })
  yield event('response.content_part.done', { ...place, part: { ...part, text } })
  yield event('response.output_item.done', { output_index: 0, item: message })
  if (begun.body.status === 'cancelled') return ''
  begun.complete()
  return event('response.completed', { response: begun.body })
}
