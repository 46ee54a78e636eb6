import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Reads a chunked body (RFC 9112 section 7.1), its bytes split anywhere, and keeps only a hash of it. */
export function chunkedBody() {
  const hash = new Bun.CryptoHasher('sha256')
  let left = 0
  let line = ''
  let whole = false
  return {
    get whole() {
      return whole
    },
    /** The SHA-256 of what came, in hex; once. */
    digest: () => hash.digest('hex'),
    read: (bytes: Buffer): void => {
      for (let at = 0; at < bytes.length && !whole; ) {
        if (left > 0) {
          const part = bytes.subarray(at, at + left)
          hash.update(part)
          left -= part.length
          at += part.length
          continue
        }
        line += String.fromCharCode(bytes[at++] ?? 0)
        // The end of the chunk before stands in front of a size.
        if (!/^(\r\n)?[0-9a-f]+\r\n$/i.test(line)) continue
        left = Number.parseInt(line.trim(), 16)
        whole = left === 0
        line = ''
      }
    },
  }
}

/** One end of a connection that keeps nothing of what it reads. */
export interface Wire {
  /** How many bytes came so far. */
  readonly received: number
  /** Whether the connection is closed. */
  readonly gone: boolean
  /** Resolves with the head of the next message, its end included. */
  head(): Promise<string>
  /** Hands all that follows the heads read so far to somebody. */
  onBody(read: (bytes: Buffer) => void): void
  /** Resolves when it is so, looked at whenever bytes have come; or the peer is gone. */
  when(so: () => boolean): Promise<void>
  /** Reads on until so many bytes have come in all, or the peer is gone. */
  until(bytes: number): Promise<number>
  /** Resolves when the peer is willing to take more. */
  send(bytes: string | Uint8Array): Promise<void>
  /** Reads nothing more, so that the peer is held up. */
  pause(): void
  resume(): void
  /** Leaves at once. */
  leave(): void
  readonly closed: Promise<void>
}

/** Speaks over a socket by hand, so that neither end reads faster than it is told to. */
function wire(socket: Socket): Wire {
  let received = 0
  let text = ''
  let reader: ((bytes: Buffer) => void) | undefined
  let wake = Promise.withResolvers<void>()
  const stir = () => {
    wake.resolve()
    wake = Promise.withResolvers()
  }
  const closed = new Promise<void>(resolve => socket.on('close', () => resolve()))
  let gone = false
  socket.setNoDelay(true)
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length
    // Heads are looked for in what is small; a body only counts.
    if (reader) reader(chunk)
    else if (text.length < 16_384) text += chunk.toString('latin1')
    stir()
  })
  socket.on('error', () => socket.destroy())
  socket.on('end', () => socket.end())
  void closed.then(() => {
    gone = true
    stir()
  })
  return {
    get received() {
      return received
    },
    get gone() {
      return gone
    },
    head: async () => {
      for (;;) {
        const end = text.indexOf('\r\n\r\n')
        if (end >= 0) {
          const head = text.slice(0, end + 4)
          text = text.slice(end + 4)
          return head
        }
        if (gone) throw new Error('the peer left before its headers were whole')
        await wake.promise
      }
    },
    onBody: read => {
      read(Buffer.from(text, 'latin1'))
      reader = read
    },
    when: async so => {
      while (!so() && !gone) await wake.promise
    },
    until: async bytes => {
      while (received < bytes && !gone) await wake.promise
      return received
    },
    send: async bytes => {
      if (gone || socket.destroyed) return
      if (!socket.write(bytes))
        await Promise.race([new Promise<void>(resolve => socket.once('drain', resolve)), closed])
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    leave: () => void socket.destroy(),
    closed,
  }
}

/** Opens a connection to a URL's host and sends a request's head, and a body if there is one. */
export async function ask(url: string, line: string, headers: Record<string, string>, body = ''): Promise<Wire> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const asking = wire(socket)
  await asking.send(`${line} HTTP/1.1\r\nHost: gateway.test\r\n${lines.join('')}\r\n${body}`)
  return asking
}

/** An upstream that does with each connection what it is told. */
export async function upstream(serve: (wire: Wire) => Promise<void>) {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket.on('close', () => sockets.delete(socket)))
    serve(wire(socket)).catch(() => socket.destroy())
  })
  await new Promise<void>(resolve => server.listen({ port: 0, host: '127.0.0.1', backlog: 2048 }, resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    stop: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

/** Asks again until it is so, for so many milliseconds at most; how many it took, or `undefined`. */
export async function becomes(so: () => boolean, withinMs: number): Promise<number | undefined> {
  const began = performance.now()
  while (!so()) {
    if (performance.now() - began > withinMs) return undefined
    await Bun.sleep(20)
  }
  return performance.now() - began
}
