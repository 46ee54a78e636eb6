import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Connection } from './connection.ts'
import type { Roots } from './roots.ts'

/** What bytes go over. */
export interface Line {
  /** Gives how many bytes were taken, and -1 where it is gone; when there is room for the rest the outbox is flushed. */
  write(bytes: Uint8Array): number
  pause(): void
  resume(): void
  /** Whether it keeps the process from ending. */
  ref(): void
  unref(): void
  /** Ends it in good order, and at once: a peer that does not end its own side holds nothing. */
  close(): void
  /** Cuts it. */
  terminate(): void
}

// Not `end`, after which a socket of TLS stays until its peer ends too, and nothing else can close it any more.
type Socket = Bun.Socket<Connection> & Line & { setKeepAlive(on: boolean, ms: number): void }

/** The way to an address by TCP. */
export interface Address {
  readonly host: string
  readonly port: number
}

// A silent peer that is gone is found out after this and nine probes.
const ALIVE_MS = 1000
// As a URL has them: its parser takes no name that ends in a number.
const ADDRESS = /^[\d.]+$|:/

const common = {
  data: (socket: Bun.Socket<Connection>, bytes: Buffer) => socket.data.heard(bytes),
  drain: (socket: Bun.Socket<Connection>) => socket.data.outbox.flush(),
  close: (socket: Bun.Socket<Connection>, cause?: Error) => socket.data.ended(false, cause),
  error: (socket: Bun.Socket<Connection>, cause: Error) => socket.data.ended(false, cause),
  connectError: (socket: Bun.Socket<Connection>, cause: Error) => queueMicrotask(() => socket.data.ended(false, cause)),
}
const plain = {
  ...common,
  end: (socket: Bun.Socket<Connection>) => socket.data.ended(true),
  open: (socket: Bun.Socket<Connection>) => {
    socket.data.made(kept(socket))
    socket.data.stands()
  },
}
const secure = {
  ...common,
  // Never in good order: the runtime does not tell a peer's word that it ends from a cut by anybody on the way
  // (RFC 9112 section 9.8).
  end: (socket: Bun.Socket<Connection>) => socket.data.ended(false),
  open: (socket: Bun.Socket<Connection>) => socket.data.made(kept(socket)),
  // Verified by the runtime, name and chain, and again here: nothing may be said to anybody else.
  handshake: (socket: Bun.Socket<Connection>, isTrusted: boolean, cause: Error | null) => {
    if (isTrusted && socket.authorized) socket.data.stands()
    else socket.data.ended(false, cause ?? new Error('the certificate is not to be trusted'))
  },
}

/** Connects by TCP, and TLS where `https`; all that comes of it is told to the connection. Never throws. */
export function connect(connection: Connection, { host, port }: Address, isSecure: boolean, roots?: Roots): void {
  // As node:tls hands it to Bun: given `ca` instead, each connection would read all of it.
  const context = (roots?.context as { context?: unknown } | undefined)?.context
  const tls = isSecure && {
    rejectUnauthorized: true,
    ...(!ADDRESS.test(host) && { serverName: host }),
    ...(context !== undefined && { secureContext: context }),
  }
  const socket = isSecure ? secure : plain
  Bun.connect({ hostname: host, port, data: connection, socket, ...(tls && { tls }) }).catch(ignored)
}

// What `connectError` was told as well.
const ignored = () => undefined

function kept(socket: Bun.Socket<Connection>): Line {
  const line = socket as Socket
  line.setKeepAlive(true, ALIVE_MS)
  return line
}

/** A socket of TLS, and what its bytes go through. */
export interface Tunnelled {
  readonly socket: TLSSocket
  /** How far the proxy reads on is known here alone: the socket takes whatever it is given. */
  readonly tunnel: Duplex
}

/** A line through a tunnel, where TLS may be inside of TLS: sockets of node:tls can do that, and Bun's cannot. */
export function tunnelled(connection: Connection, { socket, tunnel }: Tunnelled): void {
  connection.made({
    write: bytes => {
      if (socket.destroyed) return -1
      if (tunnel.writableNeedDrain) return 0
      socket.write(bytes)
      return bytes.length
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    ref: () => socket.ref(),
    unref: () => socket.unref(),
    close: () => socket.end(() => socket.destroy()),
    terminate: () => socket.destroy(),
  })
  socket.on('secureConnect', () => connection.stands())
  socket.on('data', (bytes: Buffer) => connection.heard(bytes))
  tunnel.on('drain', () => connection.outbox.flush())
  socket.on('error', cause => connection.ended(false, cause))
  socket.on('end', () => connection.ended(false))
  socket.on('close', () => connection.ended(false))
}
