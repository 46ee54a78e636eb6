import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** What passed one connection through the spy. */
interface Overheard {
  readonly up: Buffer[]
  readonly down: Buffer[]
}

export interface Spy {
  readonly url: string
  /** Every connection so far, in order. */
  readonly connections: readonly Overheard[]
  /** All bytes that went up, connection by connection. */
  up(): Buffer
  /** All bytes that came down, connection by connection. */
  down(): Buffer
  stop(): Promise<void>
}

/** A relay to put between a gateway and its upstream: it passes every byte on and keeps a copy, both ways. */
export async function spyOn(target: string): Promise<Spy> {
  const { hostname, port } = new URL(target)
  const connections: Overheard[] = []
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, near => {
    const far = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
    const overheard: Overheard = { up: [], down: [] }
    connections.push(overheard)
    relay(near, far, overheard.up)
    relay(far, near, overheard.down)
    for (const socket of [near, far]) sockets.add(socket.on('close', () => sockets.delete(socket)))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections,
    up: () => Buffer.concat(connections.flatMap(({ up }) => up)),
    down: () => Buffer.concat(connections.flatMap(({ down }) => down)),
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

function relay(from: Socket, to: Socket, copy: Buffer[]): void {
  from.on('data', chunk => {
    copy.push(Buffer.from(chunk))
    if (!to.write(chunk)) from.pause()
  })
  to.on('drain', () => from.resume())
  from.on('end', () => to.end())
  from.on('error', () => to.destroy())
  from.on('close', () => to.destroySoon())
}
