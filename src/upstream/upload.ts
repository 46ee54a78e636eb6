import type { ClientRequest } from 'node:http'
import type { Body } from './body.ts'

interface Watch {
  /** Called before each wait for the client's next bytes. */
  waiting: () => void
  /** Called before each wait for the upstream to read on. */
  blocked: () => void
  /** Called when the request's last byte has been handed over. */
  sent: () => void
  /** Called with the reason when the client breaks off, or its body may not go on. */
  broken: (reason: unknown) => void
}

/** Hands the client's body to the upstream as it arrives, no faster than the upstream reads. Never throws. */
export async function upload(body: Body | null, request: ClientRequest, watch: Watch): Promise<void> {
  if (body && !body.rest) request.write(body.head)
  if (body?.rest) {
    const { head, rest } = body
    request.once('close', () => rest.cancel().catch(ignored))
    const copied = await copy(head, rest, request, watch).catch(watch.broken)
    if (!copied) return
  }
  request.end()
  watch.sent()
}

/** Whether the whole body was handed over; not if the request ended first. */
async function copy(
  head: Uint8Array,
  rest: NonNullable<Body['rest']>,
  request: ClientRequest,
  watch: Watch,
): Promise<boolean> {
  for (let next: Uint8Array | undefined = head; next; ) {
    if (!request.write(next)) {
      watch.blocked()
      await drained(request)
      if (request.destroyed) return false
    }
    watch.waiting()
    const { value } = await rest.read()
    if (request.destroyed) return false
    next = value
  }
  return true
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
