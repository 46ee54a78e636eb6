import type { ClientRequest } from 'node:http'

interface Watch {
  /** Called before each wait for the client's next bytes. */
  waiting: () => void
  /** Called when the request's last byte has been handed over. */
  sent: () => void
  /** Called when the client breaks off. */
  broken: () => void
}

/** Copies the client's body to the upstream as it arrives, no faster than the upstream reads. Never throws. */
export async function upload(
  body: ReadableStream<Uint8Array> | null,
  request: ClientRequest,
  { waiting, sent, broken }: Watch,
): Promise<void> {
  if (body) {
    const reader = body.getReader()
    request.once('close', () => reader.cancel().catch(ignored))
    try {
      for (;;) {
        waiting()
        const { done, value } = await reader.read()
        if (request.destroyed) return
        if (done) break
        if (!request.write(value)) await drained(request)
      }
    } catch {
      return broken()
    }
  }
  request.end()
  sent()
}

function drained(request: ClientRequest): Promise<void> {
  return new Promise(resolve => {
    const go = () => {
      request.off('drain', go).off('close', go)
      resolve()
    }
    request.once('drain', go).once('close', go)
  })
}

/** A body that was cut while it was being dropped is of no interest, but unhandled it would end the process. */
const ignored = () => undefined
