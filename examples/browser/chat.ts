import { explained, Refusal, refusal } from './failures.ts'
import { sealedFetch } from './sealed.ts'

/** One turn of the conversation. */
export interface Message {
  readonly role: 'user' | 'assistant'
  readonly content: string
}

/** What a chat needs. */
export interface Asked {
  readonly gateway: string
  readonly token: string
  readonly model: string
  readonly messages: readonly Message[]
  readonly signal: AbortSignal
  /** Gets the headers of the answer, whatever its status, as soon as they are there. */
  readonly onHeaders: (headers: Headers) => void
}

let fetcher: { gateway: string; fetch: ReturnType<typeof sealedFetch> } | undefined

/** Streams a sealed chat: each text as the enclave sends it. */
export async function* sealedChat(asked: Asked): AsyncGenerator<string> {
  const { gateway, token, model, messages, signal, onHeaders } = asked
  if (fetcher?.gateway !== gateway) fetcher = { gateway, fetch: sealedFetch(gateway) }
  const answer = await fetcher
    .fetch(`${gateway}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages, stream: true }),
      signal,
    })
    .catch(async (error: unknown) => {
      // Browsers throw a TypeError alike for a server that is not there and for one that refuses this origin.
      throw error instanceof TypeError ? await explained(gateway) : error
    })
  onHeaders(answer.headers)
  if (!answer.ok) throw await refusal(answer)
  for await (const data of events(answer)) {
    const { choices = [], error }: Chunk = JSON.parse(data)
    if (error) throw new Refusal(error.message ?? brokenOff().message, undefined)
    const text = choices[0]?.delta?.content
    if (text) yield text
  }
}

interface Chunk {
  readonly choices?: readonly { readonly delta?: { readonly content?: string | null } }[]
  readonly error?: { readonly message?: string }
}

/** The `data` of each server-sent event up to `[DONE]`; a stream that ends without it is an error. */
async function* events(answer: Response): AsyncGenerator<string> {
  const reader = answer.body?.getReader()
  const decoder = new TextDecoder()
  let held = ''
  for (;;) {
    const part = await reader?.read().catch((error: unknown) => {
      throw error instanceof TypeError ? brokenOff() : error
    })
    if (!part || part.done) throw brokenOff()
    held += decoder.decode(part.value, { stream: true })
    const lines = held.split(/\r?\n/)
    held = lines.pop() ?? ''
    for (const line of lines) {
      if (!line.startsWith('data:')) continue
      const data = line.slice('data:'.length).trim()
      if (data === '[DONE]') return
      yield data
    }
  }
}

function brokenOff(): Refusal {
  return new Refusal('The answer broke off before its end.', undefined)
}
