import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Address, Tunnelled } from './line.ts'
import { ProxyFault } from './proxy-fault.ts'
import type { Roots } from './roots.ts'

// Proxies say a status and a few headers.
const MOST_HEAD_BYTES = 16 * 1024

/** Connects through a forward proxy, with TLS to the other server inside (RFC 9110 section 9.3.6): a socket at once. */
export function tunnelling(roots: Roots | undefined, proxy: URL, withinMs: number): (to: Address) => Tunnelled {
  const { isIP, connect: plain } = process.getBuiltinModule('node:net')
  const { connect: secure } = process.getBuiltinModule('node:tls')
  const trusting = { rejectUnauthorized: true, ...(roots && { secureContext: roots.context }) }
  const host = bare(proxy.hostname)
  const port = Number(proxy.port) || (proxy.protocol === 'https:' ? 443 : 80)
  const at = { host, port, noDelay: true, keepAlive: true }
  const near = () =>
    proxy.protocol === 'https:' ? secure({ ...at, ...trusting, servername: isIP(host) ? '' : host }) : plain(at)
  const credentials = authorization(proxy)

  return ({ host, port }) => {
    const target = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
    const asked = `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${credentials}\r\n`
    const servername = isIP(host) ? '' : host
    const tunnel = dug(near(), asked, withinMs)
    return { socket: secure({ ...trusting, host, servername, socket: tunnel }), tunnel }
  }
}

/** What goes to the other server and comes from it, once the proxy has said that it is connected. */
function dug(near: Socket, asked: string, withinMs: number): Duplex {
  let isOpen = false
  let first: (() => void) | undefined
  let heard = Buffer.alloc(0)
  const inner = new (process.getBuiltinModule('node:stream').Duplex)({
    read: () => void (isOpen && near.resume()),
    write: (chunk, _, done) => {
      const go = () => void near.write(chunk, done)
      if (isOpen) go()
      else first = go
    },
    // Whether it had ended already, or is gone, is no fault: what came before may still be read.
    final: done => void near.end(() => done()),
    destroy: (error, done) => {
      clearTimeout(timer)
      near.destroy()
      done(error)
    },
  })
  const fail = (...[code, options]: ConstructorParameters<typeof ProxyFault>) =>
    inner.destroy(new ProxyFault(code, options))
  const timer = setTimeout(fail, withinMs, 'timeout')
  const pass = (bytes: Buffer) => {
    if (!inner.push(bytes)) near.pause()
  }

  near.write(asked)
  near.on('data', (bytes: Buffer) => {
    if (isOpen) return pass(bytes)
    heard = Buffer.concat([heard, bytes])
    const { status, rest } = answerIn(heard)
    if (status === undefined || heard.length > MOST_HEAD_BYTES) return fail('malformed')
    if (!rest) return
    if (!status.startsWith('2')) return fail(`refused_${status}`)
    clearTimeout(timer)
    isOpen = true
    if (rest.length > 0) pass(rest)
    first?.()
  })
  // Both, for TLS to a proxy may be cut off without an end.
  const over = () => (isOpen ? inner.push(null) : fail('closed'))
  near.on('end', over).on('close', over)
  near.on('error', cause => (isOpen ? inner.destroy(cause) : fail('unreachable', { cause })))
  return inner
}

/** The status of a proxy's answer, as far as it came, and what follows its head; no status if it is no answer. */
function answerIn(heard: Buffer): { status?: string | undefined; rest?: Buffer } {
  const text = heard.toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return { status: 'HTTP/1.'.startsWith(text.slice(0, 7)) ? '' : undefined }
  return { status: /^HTTP\/1\.[01] (\d{3})[ \r]/.exec(text)?.[1], rest: heard.subarray(end + 4) }
}

function authorization({ username, password }: URL): string {
  if (!username && !password) return ''
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return `Proxy-Authorization: Basic ${Buffer.from(pair).toString('base64')}\r\n`
}

const bare = (hostname: string) => hostname.replace(/^\[|\]$/g, '')
