import { type AddressInfo, connect, type Socket } from 'node:net'
import { createServer } from 'node:tls'
import { forLocalhost } from './certificates.ts'

/** A TLS front before a plain HTTP server, as an operator's own would be. */
export interface Terminator {
  /** `https://localhost:…`; who trusts the kit's root can ask it. */
  readonly url: string
  /** All that clients sent so far, as it was before TLS, in the order of its arrival. */
  heard(): string
  /** Method and path of every request so far. */
  asked(): string[]
  stop(): Promise<void>
}

/** Takes TLS off in front of a server, by the certificate for localhost unless told, and keeps what went up. */
export async function terminate(target: string, identity = forLocalhost): Promise<Terminator> {
  const { hostname, port } = new URL(target)
  const up: Buffer[] = []
  const sockets = new Set<Socket>()
  const server = createServer(identity, near => {
    const far = connect({ host: hostname, port: Number(port) })
    near.on('data', chunk => up.push(Buffer.from(chunk)))
    near.pipe(far).pipe(near)
    for (const [socket, other] of [[near, far] as const, [far, near] as const]) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroySoon()
      })
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const heard = () => Buffer.concat(up).toString('latin1')
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    heard,
    // No more than a method's own letters: a sealed body may end in any.
    asked: () => [...heard().matchAll(/((?:GET|POST) \/\S*) HTTP\/1\.1\r\n/g)].map(([, request]) => request ?? ''),
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
