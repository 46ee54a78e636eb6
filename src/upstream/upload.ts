import type { ClientRequest } from 'node:http'

interface Watch {
  /** Called before each wait for the client's next bytes. */
  waiting: () => void
  /** Called before each wait for the upstream to read on. */
  blocked: () => void
  /** Called when the request's last byte has been handed over. */
  sent: () => void
  /** Called when the client breaks off. */
  broken: () => void
}

/** Copies the client's body to the upstream as it arrives, no faster than the upstream reads. Never throws. */
export async function upload(
  body: ReadableStream<Uint8Array> | null,
  request: ClientRequest,
  watch: Watch,
): Promise<void> {
  try {
    if (body && !(await copied(body, request, watch))) return
  } catch {
    return watch.broken()
  }
  request.end()
  watch.sent()
}

/** Whether the whole body was handed over; not if the request ended first. */
async function copied(body: ReadableStream<Uint8Array>, request: ClientRequest, watch: Watch): Promise<boolean> {
  const reader = body.getReader()
  request.once('close', () => reader.cancel().catch(ignored))
  for (;;) {
    watch.waiting()
    const { done, value } = await reader.read()
    if (request.destroyed) return false
    if (done) return true
    if (request.write(value)) continue
    watch.blocked()
    await drained(request)
    if (request.destroyed) return false
  }
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
