import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a request asks of the backend; its number is its own. */
export interface Wish {
  readonly number: number
  readonly caller: string
  readonly model: string
  /** How long its answer goes on. */
  readonly holdMs: number
  /** What its answer says that it cost. */
  readonly tokens: number
}

/** A request that came here; times in milliseconds since the epoch. */
export interface Visit extends Wish {
  readonly at: number
  /** By which of its gateways' connections: ports come again. */
  readonly connection: number
  /** The port at the other end of that. */
  readonly port: number
  endedAt: number | undefined
  isWhole: boolean
}

export const MODELS = ['prove/plain', 'prove/retiring'] as const

/** A backend that streams each answer for as long as the request asks, and writes every visit down. */
export async function chatBackend() {
  const visits = new Map<number, Visit>()
  const connections = new WeakMap<object, number>()
  let last = 0
  const server = http.createServer((request, response) => {
    const connection = connections.get(request.socket) ?? 0
    void serve(request, response, { visits, connection }).catch(() => response.destroy())
  })
  server.on('connection', socket => connections.set(socket, ++last))
  await new Promise<void>(resolve => server.listen({ port: 0, host: '127.0.0.1', backlog: 2048 }, resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1`,
    port,
    visits,
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

export type ChatBackend = Awaited<ReturnType<typeof chatBackend>>

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { visits, connection }: { visits: Map<number, Visit>; connection: number },
): Promise<void> {
  if (request.method === 'GET')
    return void response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ object: 'list', data: MODELS.map(id => ({ id, object: 'model' })) }))
  const at = Date.now()
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const wish: Wish = JSON.parse(Buffer.concat(chunks).toString())
  if (visits.has(wish.number)) throw new Error(`request ${wish.number} came twice`)
  const { remotePort: port = 0 } = request.socket
  const visit: Visit = { ...wish, at, connection, port, endedAt: undefined, isWhole: false }
  visits.set(wish.number, visit)
  const left = new Promise<void>(resolve => response.once('close', resolve))
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(event(visit, { choices: [{ index: 0, delta: { content: 'first' } }] }))
  let timer: ReturnType<typeof setTimeout> | undefined
  await Promise.race([left, new Promise(resolve => (timer = setTimeout(resolve, wish.holdMs)))])
  clearTimeout(timer)
  // Before its last byte: whoever got that may ask again at once.
  visit.endedAt = Date.now()
  if (response.destroyed) return
  visit.isWhole = true
  const usage = { prompt_tokens: 0, completion_tokens: wish.tokens, total_tokens: wish.tokens }
  response.end(`${event(visit, { choices: [], usage })}data: [DONE]\n\n`)
}

const event = ({ number, model }: Visit, more: object) =>
  `data: ${JSON.stringify({ id: chatIdOf(number), object: 'chat.completion.chunk', model, ...more })}\n\n`

/** The id of the answer to a request, by which the ledger knows it. */
export const chatIdOf = (number: number) => `chat-${number}`
