import { answer, cachedOf, textOf, tokens } from '../model.ts'
import { isObject, type Json } from './call.ts'
import { type Item, itemOf, itemsFrom } from './item.ts'
import { bad } from './refusal.ts'
import { type Conversation, type Kept, type Manner, type State, secondsOf } from './state.ts'

/** A response under way. */
export interface Begun extends Kept {
  /** The one item of its output, whole. */
  readonly message: Item
  readonly text: string
  /** Ends it as completed: from then on its conversation has what was said and answered. */
  complete(): void
}

/** What a request for a response asks for, checked, and kept unless it says not to. */
export function begin(state: State, asked: Json, manner: Pick<Manner, 'now'>): Begun {
  const { model, input, previous_response_id: previous, store = true } = asked
  if (typeof model !== 'string' || model === '') throw bad('model', "Missing required parameter: 'model'.")
  const given =
    typeof input === 'string' ? itemsFrom([{ role: 'user', content: input }], 'input') : itemsFrom(input, 'input')
  if (given.length === 0) throw bad('input', "Missing required parameter: 'input'.")
  const conversation = conversationIn(state, asked)
  if (conversation && typeof previous === 'string') {
    throw bad('previous_response_id', "'previous_response_id' and 'conversation' exclude each other.")
  }
  const before = typeof previous === 'string' ? state.responses.take(previous).context : conversation?.items.all()
  const text = answer({ said: textOf(given.findLast(({ role }) => role === 'user')) })
  const content = [{ type: 'output_text', text, annotations: [], logprobs: [] }]
  const message = itemOf({ role: 'assistant', content })
  const all = [...(before ?? []), ...given]
  const begun: Begun = {
    id: state.responses.freshId(),
    input: given,
    context: all,
    message,
    text,
    body: { status: 'in_progress' },
    complete: () => {
      const usage = usageOf(all.map(textOf).join(' '), text)
      begun.body = { ...begun.body, status: 'completed', output: [message], usage }
      begun.context = [...all, message]
      for (const item of [...given, message]) conversation?.items.put(item)
    },
  }
  begun.body = { ...bodyOf(begun.id, asked, conversation), created_at: secondsOf(manner), store }
  if (store !== false) state.responses.put(begun)
  return begun
}

/** `conversation` is an id, or an object that has one. */
function conversationIn({ conversations }: State, { conversation = null }: Json): Conversation | undefined {
  if (conversation === null) return undefined
  const id = isObject(conversation) ? conversation['id'] : conversation
  if (typeof id !== 'string') throw bad('conversation', "Invalid type for 'conversation': expected an id.")
  return conversations.take(id)
}

function bodyOf(id: string, asked: Json, conversation: Conversation | undefined) {
  const { model, instructions, metadata, previous_response_id, tools, tool_choice, temperature, top_p } = asked
  return {
    id,
    object: 'response',
    status: 'in_progress',
    error: null,
    incomplete_details: null,
    instructions: instructions ?? null,
    metadata: metadata ?? {},
    model,
    output: [],
    parallel_tool_calls: true,
    previous_response_id: previous_response_id ?? null,
    conversation: conversation ? { id: conversation.id } : null,
    temperature: temperature ?? 1,
    tool_choice: tool_choice ?? 'auto',
    tools: tools ?? [],
    top_p: top_p ?? 1,
    usage: null,
  }
}

function usageOf(prompt: string, text: string) {
  const [input, output] = [tokens(prompt).length, tokens(text).length]
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cachedOf(input) },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: input + output,
  }
}
