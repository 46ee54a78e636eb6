import { afterEach, expect, test } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createServer as createSecure } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { forLocalhost, forOther, ROOT } from '../kit/certificates.ts'
import { freshDirectory } from '../kit/directory.ts'
import { answerBytes } from '../kit/stage.ts'

const running: { stop(): Promise<void> }[] = []
afterEach(async () => {
  for (const part of running.splice(0).reverse()) await part.stop()
})

const OK = answerBytes('200 OK', {}, 'ok')

interface Behaviour {
  /** Whether the connection of that number is reset at its first bytes, in the handshake. */
  resets?: (index: number) => boolean
  identity?: { cert: string; key: string }
  /** What a connection does about its request of that number. */
  answer?: (socket: Socket, nth: number) => unknown
}

/** A TLS upstream that counts its connections and its requests. */
async function secure({
  resets = () => false,
  identity = forLocalhost,
  answer = socket => socket.write(OK),
}: Behaviour) {
  const count = { connections: 0, requests: 0 }
  const inner = createSecure(identity, socket => {
    let nth = 0
    socket.on('error', () => undefined)
    // Each request here is small enough for one record.
    socket.on('data', () => {
      count.requests++
      answer(socket, nth++)
    })
  }).on('tlsClientError', () => undefined)
  const target = await listening(inner)
  const outer = createServer(near => {
    near.on('error', () => undefined)
    if (resets(count.connections++)) return near.once('data', () => near.resetAndDestroy())
    const far = connect(target, '127.0.0.1').on('error', () => undefined)
    return near.pipe(far).pipe(near)
  })
  return { url: `https://localhost:${await listening(outer)}`, count }
}

async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', socket => sockets.add(socket))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  running.push({
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  })
  return (server.address() as AddressInfo).port
}

// Neither a proxy that is not there nor leave to trust anybody may matter to a second try.
const HOSTILE = {
  HTTPS_PROXY: 'http://127.0.0.1:1',
  ALL_PROXY: 'http://127.0.0.1:1',
  NODE_USE_ENV_PROXY: '1',
  NODE_TLS_REJECT_UNAUTHORIZED: '0',
}

/** What comes of these methods, one after the other, in a process that knows the kit's root. */
async function outcomes(url: string, ...methods: string[]): Promise<string[]> {
  const directory = freshDirectory()
  const root = join(directory, 'root.pem')
  writeFileSync(root, ROOT)
  running.push({ stop: () => Promise.resolve(rmSync(directory, { recursive: true })) })
  const asked = JSON.stringify(methods.map(method => [method, url]))
  const child = Bun.spawn([process.execPath, fileURLToPath(import.meta.resolve('../kit/tries.ts')), asked], {
    env: { PATH: process.env['PATH'], NODE_EXTRA_CA_CERTS: root, ...HOSTILE },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()])
  expect(err.replace(/.*NODE_TLS_REJECT_UNAUTHORIZED[^\n]*\n(?:\(Use [^\n]*\n)?/, '')).toBe('')
  return JSON.parse(out)
}

test('a handshake that is reset is begun once more for a GET, and for no POST', async () => {
  const { url, count } = await secure({ resets: index => index % 2 === 0 })
  expect(await outcomes(url, 'GET', 'POST')).toEqual(['fine', 'upstream_unreachable'])
  expect(count).toEqual({ connections: 3, requests: 1 })
})

test('a handshake that is reset twice is a failure', async () => {
  const { url, count } = await secure({ resets: () => true })
  expect(await outcomes(url, 'GET')).toEqual(['upstream_unreachable'])
  expect(count).toEqual({ connections: 2, requests: 0 })
})

test('a certificate of another name is looked at once', async () => {
  const { url, count } = await secure({ identity: forOther })
  expect(await outcomes(url, 'GET')).toEqual(['upstream_unreachable'])
  expect(count).toEqual({ connections: 1, requests: 0 })
})

test('a certificate of another name is refused by a second try as well', async () => {
  const { url, count } = await secure({ resets: index => index === 0, identity: forOther })
  expect(await outcomes(url, 'GET')).toEqual(['upstream_unreachable'])
  expect(count).toEqual({ connections: 2, requests: 0 })
})

test('a new connection that took the request and hung up is not replaced', async () => {
  const { url, count } = await secure({ answer: socket => socket.destroy() })
  expect(await outcomes(url, 'GET')).toEqual(['upstream_unreachable'])
  expect(count).toEqual({ connections: 1, requests: 1 })
})

test('a kept connection that the upstream was closing is followed by a new one for a GET, and for no POST', async () => {
  const answer = (socket: Socket, nth: number) => (nth === 0 ? socket.write(OK) : socket.destroy())
  const { url, count } = await secure({ answer })
  expect(await outcomes(url, 'GET', 'GET', 'GET', 'POST')).toEqual(['fine', 'fine', 'fine', 'upstream_unreachable'])
  expect(count).toEqual({ connections: 3, requests: 5 })
})

test('connections closed up to 4 ms after each answer lose no GET', async () => {
  const { url } = await secure({
    answer: (socket, nth) => {
      socket.write(OK)
      setTimeout(() => socket.end(), nth % 5)
    },
  })
  const lost = (await outcomes(url, ...Array(50).fill('GET'))).filter(it => it !== 'fine')
  expect(lost).toEqual([])
})
