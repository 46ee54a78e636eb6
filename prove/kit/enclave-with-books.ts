import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What is asked of the enclave, and so how a request ends. */
export const KINDS = ['json', 'stream', 'cut', 'broken', 'busy', 'unreadable'] as const
/** `large` is answered at once like `json`, with a mebibyte. */
export type Kind = (typeof KINDS)[number] | 'large'

/** What the enclave wrote down of one request. */
export interface Entry {
  readonly kind: Kind
  /** When the request came, in milliseconds since the epoch. */
  readonly at: number
  /** As it stated them; for a cut stream the events that it had sent. */
  prompt: number
  completion: number
  cached: number
  cost: string
  /** Whether its statement was sent. */
  stated: boolean
  /** When it had done with the request, in milliseconds since the epoch. */
  endedAt: number | undefined
}

const EVENTS = 12
const PACE_MS = 4

/**
 * An enclave in the clear that keeps books of its own: a request says in `X-Tinfoil-Model` how it shall end, and is known
 * by its number, which its body holds. Usage is stated in a header, and for streams in a trailer, as the real one does;
 * a stream has twelve events, at that pace.
 */
export async function enclaveWithBooks(paceMs = PACE_MS) {
  const books = new Map<number, Entry>()
  const server = http.createServer((request, response) => {
    void serve(request, response, books, paceMs).catch(() => response.destroy())
  })
  await new Promise<void>(resolve => server.listen({ port: 0, host: '127.0.0.1', backlog: 2048 }, resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    books,
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  books: Map<number, Entry>,
  paceMs: number,
): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const { number } = JSON.parse(Buffer.concat(chunks).toString())
  const asked = request.headers['x-tinfoil-model']
  const kind = asked === 'large' ? asked : (KINDS.find(known => known === asked) ?? 'json')
  const nothing = { prompt: 0, completion: 0, cached: 0, cost: '', stated: false }
  const entry: Entry = { kind, at: Date.now(), ...nothing, endedAt: undefined }
  if (books.has(number)) throw new Error(`request ${number} came twice`)
  books.set(number, entry)
  response.on('close', () => {
    entry.endedAt = Date.now()
  })
  if (kind === 'busy') return refuse(response, 429, '{"error":{"message":"Request rate exceeded."}}')
  if (kind === 'unreadable') return refuse(response, 422, '{"title":"failed to read decrypted request body"}')
  if (kind === 'json' || kind === 'large') {
    response.writeHead(200, { 'content-type': 'application/json', [METRICS]: state(entry, number) })
    return void response.end(kind === 'large' ? LARGE : '{"choices":[]}')
  }
  await stream(response, entry, number, paceMs)
}

const LARGE = `{"choices":[${' '.repeat(1024 * 1024)}]}`
const METRICS = 'x-tinfoil-usage-metrics'

function refuse(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(body)
}

async function stream(response: ServerResponse, entry: Entry, number: number, paceMs: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream', trailer: METRICS })
  const events = entry.kind === 'cut' ? Number.POSITIVE_INFINITY : EVENTS
  for (let sent = 0; sent < events && !response.destroyed; sent++) {
    response.write(`data: {"choices":[{"delta":{"content":"${sent}"}}]}\n\n`)
    entry.completion++
    await Bun.sleep(paceMs)
    if (entry.kind === 'broken' && sent === 3) return void response.socket?.resetAndDestroy()
  }
  if (response.destroyed) return
  response.addTrailers({ [METRICS]: state(entry, number) })
  response.end('data: [DONE]\n\n')
}

/** A cost that no other request has, written down as it is stated. */
function state(entry: Entry, number: number): string {
  entry.prompt = 100 + number
  entry.completion = 7 + (number % 13)
  entry.cached = number % 50
  entry.cost = `0.${String(number * 31).padStart(9, '0')}`
  entry.stated = true
  const { prompt, completion, cached, cost } = entry
  return `prompt=${prompt},completion=${completion},total=${prompt + completion},cached_prompt_tokens=${cached},model=${entry.kind},cost_usd=${cost}`
}
