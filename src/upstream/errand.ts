import { type Backend, pathAt } from './backends.ts'
import type { Send } from './call.ts'

/** Something small that is asked of a backend for the gateway's own sake. */
export interface Asked {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Beginning with `/v1`, with its query. */
  readonly path: string
  /** JSON. */
  readonly body?: Uint8Array | string
  readonly headers?: Readonly<Record<string, string>>
}

/** Asks a backend; gives its answer, whatever the status, read to the end. @throws Problem as {@link Send} */
export type Errand = (asked: Asked) => Promise<Response>

interface Deps {
  backend: Backend
  send: Send
}

/** Milliseconds after which one is given up. */
const ERRAND_MS = 30_000
const MOST_BYTES = 33_554_432

/** Errands to one backend with our key; where that is refused and there is another one now, once more. */
export function errand({ backend, send }: Deps): Errand {
  const { base, below, credentials } = backend
  return async ({ method, path, body, headers }) => {
    const url = base.origin + pathAt(base, path.slice(below.length))
    const bounds = { withinMs: ERRAND_MS, maxBytes: MOST_BYTES }
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    const ask = (authorization: string) =>
      send({
        url,
        method,
        body,
        headers: { accept: 'application/json', ...type, ...headers, authorization },
        ...bounds,
      })
    const authorization = await credentials.current()
    const answer = await ask(authorization)
    return answer.status === 401 && (await credentials.renewed(authorization))
      ? ask(await credentials.current())
      : answer
  }
}
