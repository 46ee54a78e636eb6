import { Problem } from '../protocol/problem.ts'

/** Where a guest agent's socket may be, in the order in which its own clients look (dstack 0.4 to 0.6). */
export const SOCKETS: readonly string[] = [
  '/var/run/dstack.sock',
  '/run/dstack.sock',
  '/var/run/dstack/dstack.sock',
  '/run/dstack/dstack.sock',
]

/** The longest answer: a compose file of 256 KiB, its most, as JSON inside JSON inside JSON, and room for events. */
const MAX_BYTES = 4_194_304

/**
 * Asks a method of a guest agent, with a JSON object; gives its whole answer, whatever the status.
 * @throws Problem `agent_unavailable` where none is, `agent_failed` for an answer without an end, or the signal's reason.
 */
export type Reach = (method: string, body: string, signal: AbortSignal) => Promise<Response>

/** The agent behind the first of these sockets that answers; looked for anew once that one is gone. */
export function overSockets(paths: readonly string[]): Reach {
  let found: string | undefined
  return async (method, body, signal) => {
    let cause: unknown
    for (const unix of new Set([...(found === undefined ? [] : [found]), ...paths])) {
      try {
        const response = await askTwice(`http://localhost/${method}`, { body, signal, unix })
        found = unix
        return response
      } catch (error) {
        if (!isElsewhere(error)) throw error
        cause = error
      }
    }
    throw unavailable(cause)
  }
}

/** The agent at an http URL. */
export function overHttp(url: string): Reach {
  return async (method, body, signal) => {
    try {
      return await askTwice(`${url}/${method}`, { body, signal })
    } catch (error) {
      throw isElsewhere(error) ? unavailable(error) : error
    }
  }
}

interface Asked {
  body: string
  signal: AbortSignal
  unix?: string
}

/** Again, once, where a connection broke: an agent that was started anew may have a new socket on the same path. */
async function askTwice(url: string, asked: Asked): Promise<Response> {
  try {
    return await post(url, asked)
  } catch (error) {
    if (!isBroken(error) || asked.signal.aborted) throw error
  }
  return post(url, asked).catch(error => {
    throw isBroken(error) ? unavailable(error) : error
  })
}

async function post(url: string, { signal, ...asked }: Asked): Promise<Response> {
  const response = await fetch(url, {
    ...asked,
    method: 'POST',
    headers: { 'content-type': 'application/json', 'accept-encoding': 'identity' },
    // Each on a connection of its own: a kept one would lead to an agent that is gone.
    keepalive: false,
    decompress: false,
    redirect: 'manual',
    proxy: false,
    signal,
  })
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > MAX_BYTES) throw new Problem('agent_failed', 'The guest agent of this TEE answers without an end.')
    chunks.push(chunk)
  }
  return new Response(Buffer.concat(chunks), { status: response.status })
}

/** Whether somebody was there, and left before all was said. */
const isBroken = (error: unknown) => Object(error).code === 'ECONNRESET'
/** Whether nobody who speaks HTTP was there, and nothing came of asking. A signal's reason is a `DOMException`. */
const isElsewhere = (error: unknown) => error instanceof TypeError

function unavailable(cause: unknown): Problem {
  return new Problem('agent_unavailable', 'The guest agent of this TEE does not answer.', { cause })
}
