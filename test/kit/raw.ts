import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

const PATIENCE_MS = 4000

/** How a peer ended its side of a connection. */
type Ended = 'open' | 'fin' | 'reset'

/** One end of a TCP connection, bytes in and out as they are; text is Latin-1, so that a character is a byte. */
export class Wire {
  /** When the peer ended, in `performance.now()` time. */
  endedAt = 0
  readonly #socket: Socket
  /** How many bytes came so far. */
  size = 0
  #chunks: Buffer[] = []
  #ended: Ended = 'open'
  #read = 0
  #news = Promise.withResolvers<void>()

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', chunk => {
      this.size += chunk.length
      this.#chunks.push(Buffer.from(chunk))
      this.#tell()
    })
    socket.on('end', () => this.#end('fin'))
    socket.on('error', () => this.#end('reset'))
    socket.on('close', () => this.#end('fin'))
  }

  /** Every byte received so far. */
  get received(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0] ?? Buffer.alloc(0)
  }

  get text(): string {
    return this.received.toString('latin1')
  }

  /** Whether and how the peer ended. */
  get ended(): Ended {
    return this.#ended
  }

  /** Resolves when the bytes have left for the kernel, or the connection is gone. */
  send(bytes: string | Uint8Array): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    if (this.#ended !== 'open' || this.#socket.destroyed) resolve()
    else {
      this.#socket.once('close', resolve)
      this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, () => {
        this.#socket.off('close', resolve)
        resolve()
      })
    }
    return promise
  }

  /** Ends our side after what was sent. */
  fin(): void {
    this.#socket.end()
  }

  /** Cuts the connection with an RST. */
  reset(): void {
    this.#socket.resetAndDestroy()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Resolves when the test holds; rejects when the peer ended before it did, or in four seconds. */
  async until(test: (text: string) => boolean): Promise<string> {
    const giveUp = performance.now() + PATIENCE_MS
    for (;;) {
      const { text } = this
      if (test(text)) return text
      if (this.#ended !== 'open') throw new Error(`the peer ended (${this.#ended}) after ${text.length} bytes`)
      await this.#wait(giveUp)
    }
  }

  seen(part: string): Promise<string> {
    return this.until(text => text.includes(part))
  }

  /** Resolves, when the peer has ended, with everything it sent. */
  async gone(): Promise<string> {
    const giveUp = performance.now() + PATIENCE_MS
    while (this.#ended === 'open') await this.#wait(giveUp)
    return this.text
  }

  /** The next HTTP message's head and body, read by its framing. */
  async message(): Promise<{ head: string; body: string }> {
    const start = this.#read
    const whole = await this.until(text => endOf(text, start) !== undefined)
    const headEnd = whole.indexOf('\r\n\r\n', start) + 4
    this.#read = endOf(whole, start) ?? whole.length
    return { head: whole.slice(start, headEnd), body: whole.slice(headEnd, this.#read) }
  }

  async #wait(giveUp: number): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(
      reject,
      Math.max(1, giveUp - performance.now()),
      new Error(`nothing more came, after ${this.text.slice(-200)}`),
    )
    await Promise.race([this.#news.promise, promise]).finally(() => clearTimeout(timer))
  }

  #end(ended: Ended): void {
    if (this.#ended !== 'open') return
    this.#ended = ended
    this.endedAt = performance.now()
    this.#tell()
  }

  #tell(): void {
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }
}

/** Where the message that begins at `start` ends, if it does yet. */
function endOf(text: string, start: number): number | undefined {
  const head = text.indexOf('\r\n\r\n', start)
  if (head < 0) return undefined
  const lines = text.slice(start, head).toLowerCase()
  const length = /\r\ncontent-length: *(\d+)/.exec(lines)?.[1]
  if (length !== undefined) return text.length >= head + 4 + Number(length) ? head + 4 + Number(length) : undefined
  if (!/\r\ntransfer-encoding: *chunked/.test(lines)) return head + 4
  return endOfChunks(text, head + 4)
}

/** Where a chunked body that begins at `start` ends, chunk by chunk: what is inside of one may look like an end. */
function endOfChunks(text: string, start: number): number | undefined {
  for (let at = start; ; ) {
    const line = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, line), 16)
    if (line < 0 || Number.isNaN(size)) return undefined
    if (size === 0) return text.startsWith('\r\n', line + 2) ? line + 4 : undefined
    at = line + 2 + size + 2
  }
}

/** What a raw upstream does with a connection; a string is sent after each request. */
export type Reply = string | ((wire: Wire, index: number) => unknown)

export interface RawUpstream {
  readonly url: string
  readonly port: number
  /** Every connection so far, in order. */
  readonly wires: readonly Wire[]
  /** The first connection, as soon as it is there. */
  first(): Promise<Wire>
  stop(): Promise<void>
}

/** An upstream that says exactly the bytes it is told to, and keeps every byte it hears. */
export async function rawUpstream(reply: Reply, hostname = '127.0.0.1'): Promise<RawUpstream> {
  const sockets = new Set<Socket>()
  const wires: Wire[] = []
  const first = Promise.withResolvers<Wire>()
  const server = createServer({ allowHalfOpen: true }, socket => {
    sockets.add(socket.on('close', () => sockets.delete(socket)))
    const wire = new Wire(socket)
    first.resolve(wire)
    const index = wires.push(wire) - 1
    // A peer that leaves early ends what waits for it; tests look at the wire instead.
    Promise.resolve(typeof reply === 'string' ? answerEach(wire, reply) : reply(wire, index)).catch(() => undefined)
  })
  await new Promise<void>(resolve => server.listen(0, hostname, resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`,
    port,
    wires,
    first: () => first.promise,
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

async function answerEach(wire: Wire, bytes: string): Promise<never> {
  for (;;) {
    await wire.message()
    await wire.send(bytes)
  }
}

/** Opens a connection to a URL's host and sends these bytes, no more and no less. */
export async function rawRequest(url: string, bytes: string | Uint8Array): Promise<Wire> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  const wire = new Wire(socket)
  await wire.send(bytes)
  return wire
}

/** A request's bytes. */
export function requestBytes(line: string, headers: Record<string, string>, body = ''): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${line} HTTP/1.1\r\nHost: gateway.test\r\n${lines.join('')}\r\n${body}`
}
