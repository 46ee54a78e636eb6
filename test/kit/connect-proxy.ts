import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { createServer as createSecure } from 'node:tls'

/** A forward proxy of these tests: to whatever host it is asked for, it connects to one server of this machine. */
export interface ConnectProxy {
  readonly url: string
  /** What it was asked before each tunnel, in order. */
  readonly heads: string[]
  /** How many connections it has now. */
  open(): number
  /** Breaks all connections. */
  cut(): void
  stop(): Promise<void>
}

interface Behaviour {
  /** What it says when it is asked; it connects where that is a success. */
  says?: string | ((socket: Socket) => void)
  /** Speaks TLS itself, by this certificate. */
  identity?: { cert: string; key: string }
  port?: number
}

/** Starts one in front of a server by its URL. */
export async function connectProxy(target: string, behaviour: Behaviour = {}): Promise<ConnectProxy> {
  const { says = 'HTTP/1.1 200 Connection established\r\n\r\n', identity, port = 0 } = behaviour
  const heads: string[] = []
  const sockets = new Set<Socket>()
  const take = (near: Socket) => {
    sockets.add(near.on('close', () => sockets.delete(near)).on('error', () => undefined))
    let head = ''
    near.on('data', function listen(bytes: Buffer) {
      head += bytes.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      near.off('data', listen)
      heads.push(head)
      if (typeof says === 'function') return says(near.resume())
      near.write(says)
      if (!says.startsWith('HTTP/1.1 2')) return near.resume()
      const far = connect(Number(new URL(target).port), '127.0.0.1').on('error', () => near.destroy())
      near.on('close', () => far.destroy())
      far.on('close', () => near.destroySoon())
      near.pipe(far).pipe(near)
    })
  }
  const server = identity ? createSecure(identity, take).on('tlsClientError', () => undefined) : createServer(take)
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  return {
    url: `${identity ? 'https://localhost' : 'http://127.0.0.1'}:${(server.address() as AddressInfo).port}`,
    heads,
    open: () => sockets.size,
    cut,
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
