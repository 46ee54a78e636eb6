import { chatFrames, eventsOf, json } from '../answers.ts'
import { completion, readChat, tokens } from '../model.ts'
import { jsonOf, type Routes } from './call.ts'
import { bad, Refusal } from './refusal.ts'
import { signedFrames, signedJson } from './signatures.ts'
import { type Manner, type State, secondsOf } from './state.ts'

/** A stream's headers. */
export const EVENTS = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' }

/** Chat and embeddings: what keeps nothing but a hash. */
export function chat({ signed }: State, manner: Manner): Routes {
  return {
    'POST chat/completions': async call => {
      const chat = readChat(await jsonOf(call))
      if ('fault' in chat) throw new Refusal(400, chat.fault)
      const stamp = { id: `chatcmpl-${crypto.randomUUID()}`, created: secondsOf(manner) }
      if (!chat.stream) return signedJson(signed, stamp.id, call.heard, completion(chat, stamp))
      const frames = signedFrames(signed, stamp.id, call.heard, chatFrames(chat, stamp))
      return new Response(
        eventsOf(frames, () => manner.sleep(manner.pace)),
        { headers: EVENTS },
      )
    },
    'POST embeddings': async call => {
      const { model, input, encoding_format } = await jsonOf(call)
      const texts = Array.isArray(input) ? input : [input]
      if (!texts.every(text => typeof text === 'string')) throw bad('input', "Invalid type for 'input'.")
      const data = texts.map((text, index) => {
        const embedding = embeddingOf(text, encoding_format === 'base64')
        return { object: 'embedding', index, embedding }
      })
      const count = texts.flatMap(tokens).length
      return json({ object: 'list', data, model, usage: { prompt_tokens: count, total_tokens: count } })
    },
  }
}

/** Eight numbers between 0 and 1, the same for the same text. */
function embeddingOf(text: string, base64: boolean) {
  const bytes = new Bun.CryptoHasher('sha256').update(text).digest()
  const numbers = Float32Array.from(bytes.subarray(0, 8), byte => byte / 255)
  return base64 ? Buffer.from(numbers.buffer).toString('base64') : [...numbers]
}
