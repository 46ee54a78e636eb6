import { type Chat, completionChunks, type Stamp } from './model.ts'

/** Like `Response.json`, with its length. */
export function json(value: unknown, init: { status?: number; headers?: Record<string, string> } = {}): Response {
  const body = JSON.stringify(value)
  const headers = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }
  return new Response(body, { ...init, headers: { ...headers, ...init.headers } })
}

/** Server-sent events: those that are yielded, and as the last one what is returned. */
export type Frames = Generator<string, string>

/** A chat's answer as OpenAI's events. */
export function* chatFrames(chat: Chat, stamp: Stamp): Frames {
  for (const chunk of completionChunks(chat, stamp)) yield `data: ${JSON.stringify(chunk)}\n\n`
  return 'data: [DONE]\n\n'
}

/** The first event at once, then one after each pause; nobody reading, no more are made. */
export function eventsOf(frames: Frames, pause: () => Promise<void>): ReadableStream<Uint8Array> {
  // Not an async generator: Bun joins what one yields within a tick, and each event must be a frame of its own.
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = frames.next()
      if (value !== '') controller.enqueue(Buffer.from(value))
      if (done) return controller.close()
      await pause()
    },
  })
}
