import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One answer on its way, beside its `Response`. */
export interface Sending {
  /** The request's target as it came; in the `Request`, a URL has resolved its dots. */
  readonly target: string
  /** What follows the last byte; the answer's `Trailer` header has to announce it. */
  trailers: Record<string, string>
  /** Called when the answer was handed over whole, or when its client left before. */
  ended: (whole: boolean) => void
}

interface Place {
  readonly port: number
  readonly hostname: string
}

// node:http and not Bun.serve: that one cannot send trailers.
/**
 * Serves HTTP: one chunk for each piece of a body, no faster than the client reads, given up when it leaves. For
 * `Response.error()` the connection is cut without a word.
 */
export async function serveHttp(
  serve: (request: Request, sending: Sending) => Response | Promise<Response>,
  { port, hostname }: Place,
) {
  const { createServer } = process.getBuiltinModule('node:http')
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 0 }, async (incoming, outgoing) => {
    const { url = '/' } = incoming
    const sending: Sending = { target: url, trailers: {}, ended: () => undefined }
    outgoing.once('close', () => sending.ended(outgoing.writableFinished))
    try {
      const response = await serve(requestOf(incoming), sending)
      if (response.type === 'error') return void outgoing.destroy()
      await send(response, outgoing)
      outgoing.addTrailers(sending.trailers)
      outgoing.end()
    } catch {
      if (!outgoing.headersSent) outgoing.writeHead(500).end()
      else outgoing.destroy()
    }
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, hostname, resolve))
  const { port: bound } = server.address() as AddressInfo
  return {
    url: `http://${hostname}:${bound}`,
    /** Frees the port and cuts what is open. */
    stop: () =>
      new Promise<void>(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function requestOf(incoming: IncomingMessage): Request {
  const { method = 'GET', url = '/', headers } = incoming
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
  return new Request(`http://stand-in.invalid${url}`, {
    method,
    headers: Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]),
    body: hasBody ? piecesOf(incoming) : null,
  })
}

async function* piecesOf(incoming: IncomingMessage): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield* incoming
}

async function send({ status, headers, body }: Response, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(status, Object.fromEntries(headers))
  if (!body || outgoing.req.method === 'HEAD') return
  const reader = body.getReader()
  outgoing.once('close', () => void reader.cancel().catch(() => undefined))
  for (;;) {
    const { done, value } = await reader.read()
    if (done || outgoing.destroyed) return
    if (!outgoing.write(value)) await drained(outgoing)
  }
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise(resolve => outgoing.once('drain', resolve).once('close', resolve))
}
