import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** The network between a gateway and its database, which a test may take away. */
export interface Wire {
  /** Of what is behind it. */
  readonly url: string
  /** Connections that are open through it. */
  open(): number
  /** From now on nothing comes back over the connections that are open: no byte, no end. */
  hush(): void
  /** Whether those to come are silent from their beginning. */
  silent: boolean
  /** Resets all of them. */
  cut(): void
  stop(): void
}

/** A wire to the server that a URL names. */
export async function wireTo(target: string): Promise<Wire> {
  const { hostname: host, port } = new URL(target)
  const links = new Set<{ near: Socket; isHushed: boolean }>()
  const server = createServer(near => {
    const far = connect({ host, port: Number(port) })
    const link = { near, isHushed: wire.silent }
    links.add(link)
    near.on('data', chunk => far.write(chunk))
    far.on('data', chunk => link.isHushed || near.write(chunk))
    far.on('close', () => link.isHushed || near.destroySoon())
    near.on('close', () => {
      links.delete(link)
      far.destroy()
    })
    for (const socket of [near, far]) socket.on('error', () => undefined)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(target)
  url.port = String((server.address() as AddressInfo).port)
  const wire: Wire = {
    url: url.href,
    silent: false,
    open: () => links.size,
    hush: () => {
      for (const link of links) link.isHushed = true
    },
    cut: () => {
      for (const { near } of links) near.resetAndDestroy()
    },
    stop: () => {
      wire.cut()
      server.close()
    },
  }
  return wire
}
