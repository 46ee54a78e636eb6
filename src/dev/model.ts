/** The models of the stand-in: their names say that nothing thinks here. */
export const MODELS = ['stand-in-small', 'stand-in-large']

/** What the stand-in reads of a chat request. */
export interface Chat {
  readonly model: string
  /** Text of all messages, for counting. */
  readonly prompt: string
  /** Text of the last user message. */
  readonly said: string
  readonly stream: boolean
  readonly includeUsage: boolean
}

/** The fields of a request that are looked at; a client may have put anything there. */
interface Json {
  readonly model?: unknown
  readonly messages?: unknown
  readonly stream?: unknown
  readonly stream_options?: unknown
  readonly include_usage?: unknown
  readonly role?: unknown
  readonly content?: unknown
  readonly text?: unknown
}

/** What differs from answer to answer: an id and a time in Unix seconds. */
export interface Stamp {
  readonly id: string
  readonly created: number
}

/** A chat from a request's JSON, for any model name; otherwise the sentence that goes into an OpenAI error. */
export function readChat(json: unknown): Chat | { readonly fault: string } {
  const { model, messages, stream, stream_options } = record(json)
  if (json === undefined) return { fault: 'Invalid request body.' }
  if (typeof model !== 'string' || model === '') return { fault: "Missing required parameter: 'model'." }
  if (!Array.isArray(messages) || messages.length === 0) return { fault: "Missing required parameter: 'messages'." }
  return {
    model,
    prompt: messages.map(textOf).join(' '),
    said: textOf(messages.findLast(message => record(message).role === 'user')),
    stream: stream === true,
    includeUsage: record(stream_options).include_usage === true,
  }
}

/** The whole answer as one `chat.completion`. */
export function completion(chat: Chat, { id, created }: Stamp): object {
  const message = { role: 'assistant', content: answer(chat) }
  const choices = [{ index: 0, message, finish_reason: 'stop' }]
  return { id, object: 'chat.completion', created, model: chat.model, choices, usage: usage(chat) }
}

/** The answer as `chat.completion.chunk`s: the role, the tokens, the finish, and the usage if it was asked for. */
export function* completionChunks(chat: Chat, { id, created }: Stamp): Generator<object> {
  const base = { id, object: 'chat.completion.chunk', created, model: chat.model }
  const chunk = (delta: object, finish_reason: 'stop' | null = null) => {
    return { ...base, choices: [{ index: 0, delta, finish_reason }] }
  }
  yield chunk({ role: 'assistant', content: '' })
  for (const content of tokens(answer(chat))) yield chunk({ content })
  yield chunk({}, 'stop')
  if (chat.includeUsage) yield { ...base, choices: [], usage: usage(chat) }
}

/** All that is ever answered. */
export function answer({ said }: Pick<Chat, 'said'>): string {
  return `Stand-in backend, no model behind it. You said: ${said}`
}

/** How many tokens a chat and its whole answer have. */
export function tokensIn(chat: Chat) {
  return { prompt: tokens(chat.prompt).length, completion: tokens(answer(chat)).length }
}

function usage(chat: Chat) {
  const { prompt, completion } = tokensIn(chat)
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cachedOf(prompt) },
  }
}

/** Of so many tokens of a prompt, those that a cache would have had: half, as if there were one. */
export function cachedOf(prompt: number): number {
  return Math.floor(prompt / 2)
}

/** A token here is a word with the space after it; joined, they are the text. */
export function tokens(text: string): string[] {
  return text.match(/\S*\s|\S+/g) ?? []
}

/** A message's content is a string, or parts of which some are text. */
export function textOf(message: unknown): string {
  const { content } = record(message)
  const parts = Array.isArray(content) ? content : [{ text: content }]
  return parts
    .map(part => record(part).text)
    .filter(text => typeof text === 'string')
    .join('')
}

/** A JSON object as it is, anything else as an empty one. */
function record(value: unknown): Json {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
