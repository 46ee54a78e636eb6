import { Problem } from '../protocol/problem.ts'

/** Where a guest agent's socket may be, in the order in which its own clients look (dstack 0.4 to 0.6). */
export const SOCKETS: readonly string[] = [
  '/var/run/dstack.sock',
  '/run/dstack.sock',
  '/var/run/dstack/dstack.sock',
  '/run/dstack/dstack.sock',
]

/**
 * Asks a method of a guest agent, with a JSON object; gives its answer, whatever the status.
 * @throws Problem `agent_unavailable` where none is, or the signal's reason.
 */
export type Reach = (method: string, body: string, signal: AbortSignal) => Promise<Response>

/** The agent behind the first of these sockets that answers; looked for anew once one does not. */
export function overSockets(paths: readonly string[]): Reach {
  let found: string | undefined
  return async (method, body, signal) => {
    // An agent that starts anew leaves the old socket dead, or another one in its place: nothing of it is kept.
    for (const path of found === undefined ? paths : [found, ...paths]) {
      try {
        const response = await post(`http://localhost/${method}`, body, signal, path)
        found = path
        return response
      } catch (error) {
        if (signal.aborted) throw error
      }
    }
    found = undefined
    throw unavailable()
  }
}

/** The agent at an http URL. */
export function overHttp(url: string): Reach {
  return async (method, body, signal) => {
    try {
      return await post(`${url}/${method}`, body, signal)
    } catch (error) {
      throw signal.aborted ? error : unavailable(error)
    }
  }
}

/** The whole answer, so that a connection that breaks inside it is none. */
async function post(url: string, body: string, signal: AbortSignal, unix?: string): Promise<Response> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'accept-encoding': 'identity' },
    body,
    keepalive: false,
    redirect: 'manual',
    proxy: false,
    signal,
    ...(unix !== undefined && { unix }),
  })
  return new Response(await response.bytes(), { status: response.status })
}

function unavailable(cause?: unknown): Problem {
  return new Problem('agent_unavailable', 'The guest agent of this TEE does not answer.', { cause })
}
