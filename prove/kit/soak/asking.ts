import type { Gateway } from '../claim.ts'
import type { Kind } from '../enclave-with-books.ts'
import { ask } from '../wire.ts'

/** How a client behaves that the enclave does not see. */
export type Manner = 'usual' | 'reads slowly' | 'writes slowly'

/** One request, and what its client has of it. */
export interface Told {
  readonly status: number
  /** Of the gateway's own refusals. */
  readonly code: string | undefined
  readonly receipt: string | undefined
  readonly request: Uint8Array
  readonly response: Uint8Array
  /** Whether the answer came to its end. */
  readonly isWhole: boolean
  /** Milliseconds, from the first byte sent to the last byte read. */
  readonly took: number
}

interface Request {
  readonly kind: Kind
  readonly manner: Manner
  readonly authorization: string
  readonly body: string
}

const CUT_AFTER_BYTES = 150
const SIP_MS = 40
const PIECES = 8

/** Sends a request in its client's manner, and reads what comes; a `cut` one is left in the middle. */
export async function asked({ url }: Gateway, request: Request): Promise<Told> {
  const began = performance.now()
  return request.manner === 'writes slowly' ? written(url, request, began) : read(url, request, began)
}

async function read(url: string, { kind, manner, authorization, body }: Request, began: number): Promise<Told> {
  const leaving = new AbortController()
  const headers = { authorization, 'content-type': 'application/json', 'x-tinfoil-model': kind }
  const init = { method: 'POST', headers, body, signal: leaving.signal }
  const answer = await fetch(`${url}/v1/chat/completions`, init)
  const pieces: Uint8Array[] = []
  let [size, isWhole] = [0, true]
  try {
    for await (const piece of answer.body ?? []) {
      pieces.push(piece)
      size += piece.length
      if (kind === 'cut' && size > CUT_AFTER_BYTES) leaving.abort()
      if (manner === 'reads slowly') await Bun.sleep(SIP_MS)
    }
  } catch {
    isWhole = false
  }
  const response = Buffer.concat(pieces)
  return {
    status: answer.status,
    code: answer.status < 400 ? undefined : codeIn(response),
    receipt: answer.headers.get('x-receipt-id') ?? undefined,
    request: Buffer.from(body),
    response,
    isWhole,
    took: performance.now() - began,
  }
}

/** By hand: fetch would send it at once. What comes is small, and by its length. */
async function written(url: string, { kind, authorization, body }: Request, began: number): Promise<Told> {
  const own = { authorization, 'content-type': 'application/json', 'x-tinfoil-model': kind }
  const headers = { ...own, 'content-length': String(body.length), connection: 'close' }
  const wire = await ask(url, 'POST /v1/chat/completions', headers)
  const piece = Math.ceil(body.length / PIECES)
  for (let at = 0; at < body.length; at += piece) {
    await wire.send(body.slice(at, at + piece))
    await Bun.sleep(SIP_MS)
  }
  const head = await wire.head()
  const chunks: Buffer[] = []
  wire.onBody(bytes => chunks.push(Buffer.from(bytes)))
  await wire.closed
  const response = unchunked(Buffer.concat(chunks), head)
  const status = Number(head.slice(9, 12))
  return {
    status,
    code: status < 400 ? undefined : codeIn(response),
    receipt: /^x-receipt-id: (\S+)\r$/im.exec(head)?.[1],
    request: Buffer.from(body),
    response,
    isWhole: true,
    took: performance.now() - began,
  }
}

/** A body as its framing delivers it; of chunks there are few, and none is cut. */
function unchunked(bytes: Buffer, head: string): Buffer {
  if (!/^transfer-encoding: chunked\r$/im.test(head)) return bytes
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf('\r\n', at)
    const size = Number.parseInt(bytes.toString('latin1', at, end), 16)
    parts.push(bytes.subarray(end + 2, end + 2 + size))
    at = size === 0 ? bytes.length : end + 4 + size
  }
  return Buffer.concat(parts)
}

function codeIn(response: Uint8Array): string | undefined {
  try {
    return JSON.parse(Buffer.from(response).toString()).error?.code
  } catch {
    return undefined
  }
}
