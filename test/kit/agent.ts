import { rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { standInAgent } from '../../src/dev/agent.ts'
import type { Reach } from '../../src/tee/sockets.ts'
import { freshDirectory } from './directory.ts'

/** What an agent says in place of what it should: by the method and the right answer. */
export type Fault = (method: string, right: Response) => Response | Promise<Response>

/** A guest agent on a socket. */
export interface SocketAgent {
  readonly path: string
  /** The methods it was asked, in their order. */
  readonly asked: readonly string[]
  stop(): Promise<void>
}

/** A path for a socket, in a folder of its own. */
export const socketPath = (name = 'dstack.sock') => join(freshDirectory(), name)

/** Serves the stand-in agent on a socket, as dstack's prpc speaks HTTP. */
export function agentOnSocket({ path = socketPath(), seed = 'test', fault }: Partial<OnSocket> = {}): SocketAgent {
  const { reach } = standInAgent({ seed })
  const asked: string[] = []
  // What a killed agent leaves behind.
  rmSync(path, { force: true })
  const server = Bun.serve({
    unix: path,
    fetch: async request => {
      const method = new URL(request.url).pathname.slice(1)
      asked.push(method)
      const right = await prpc(reach, method, request)
      return fault ? fault(method, right) : right
    },
  })
  return { path, asked, stop: () => server.stop(true) }
}

interface OnSocket {
  path: string
  seed: string
  fault: Fault
}

const signal = new AbortController().signal

async function prpc(reach: Reach, method: string, request: Request): Promise<Response> {
  if (method.includes('/')) return new Response('<h1>404: Not Found</h1>', { status: 404 })
  const { searchParams } = new URL(request.url)
  if (request.method === 'GET') return reach(method, JSON.stringify(Object.fromEntries(searchParams)), signal)
  const isJson =
    ['', '1', 'true'].includes(searchParams.get('json') ?? 'no') ||
    request.headers.get('content-type')?.startsWith('application/json')
  if (isJson) return reach(method, await request.text(), signal)
  // It would be read as protobuf, and its answer be that as well.
  return new Response(Buffer.from('\n\x1ffailed to decode Protobuf message', 'latin1'), { status: 400 })
}

/** Changes what one method tells. */
export const telling =
  (of: string, change: (told: Record<string, unknown>) => unknown): Fault =>
  async (method, right) =>
    method === of ? Response.json(change((await right.json()) as Record<string, unknown>)) : right

/** Refuses as prpc does: with a 400, in pretty JSON. */
export const refusing =
  (of: string, error: string): Fault =>
  (method, right) =>
    method === of ? new Response(JSON.stringify({ error }, null, 2), { status: 400 }) : right

/** A socket on which each request gets bytes as they are, or whatever else is done to its connection. */
export async function rawSocket(path: string, serve: (socket: Socket, nth: number) => void) {
  let count = 0
  rmSync(path, { force: true })
  const server = createServer(socket => {
    const nth = ++count
    socket.on('error', () => undefined).once('data', () => serve(socket, nth))
  })
  await new Promise<void>(resolve => server.listen(path, resolve))
  return {
    /** How many connections there were. */
    count: () => count,
    stop: () => new Promise<void>(resolve => server.close(() => resolve())),
  }
}
