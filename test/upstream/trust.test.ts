import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createServer, type TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { rootsIn } from '../../src/upstream/roots.ts'
import { transport } from '../../src/upstream/transport.ts'
import { forLocalhost, forOther, ROOT } from '../kit/certificates.ts'
import { freshDirectory } from '../kit/directory.ts'
import { rawUpstream } from '../kit/raw.ts'
import { answerBytes, MODELS, stages } from '../kit/stage.ts'

const { set, also, clear } = stages()
afterEach(clear)

const directory = freshDirectory()
const root = join(directory, 'root.pem')
beforeAll(() => writeFileSync(root, ROOT))
afterAll(() => rmSync(directory, { recursive: true }))

const OK = answerBytes('200 OK', {}, 'ok')
const ASKED = {
  method: 'GET',
  path: '/',
  headers: {},
  body: null,
  reached: () => undefined,
  signal: new AbortController().signal,
}

/** A TLS listener that answers 200 and keeps what was said to it after the handshake. */
async function secure(identity: { cert: string; key: string }) {
  const heard: string[] = []
  const sockets: TLSSocket[] = []
  const server = createServer(identity, socket => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.on('data', chunk => {
      heard.push(chunk.toString())
      socket.write(OK)
    })
  })
  server.on('tlsClientError', () => undefined)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return also({
    port,
    heard,
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  })
}

/** What comes of asking a URL through the transport and through a call, in a process with this environment. */
async function outcomes(url: string, env: Record<string, string>): Promise<unknown> {
  const child = Bun.spawn([process.execPath, fileURLToPath(import.meta.resolve('../kit/outgoing.ts')), url], {
    env: { PATH: process.env['PATH'], ...env },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()])
  expect(err.replace(/.*NODE_TLS_REJECT_UNAUTHORIZED[^\n]*\n(?:\(Use [^\n]*\n)?/, '')).toBe('')
  return JSON.parse(out)
}

describe('TLS', () => {
  const refused = ['upstream_unreachable', 'upstream_unreachable']

  test('is taken from an upstream that a known root names', async () => {
    const { port, heard } = await secure(forLocalhost)
    expect(await outcomes(`https://localhost:${port}`, { NODE_EXTRA_CA_CERTS: root })).toEqual([200, 200])
    expect(heard.length).toBe(2)
  })

  test.each(['0', '1'])(
    'is refused from another name, before a byte of HTTP, with NODE_TLS_REJECT_UNAUTHORIZED=%s',
    async strict => {
      const { port, heard } = await secure(forOther)
      const env = { NODE_EXTRA_CA_CERTS: root, NODE_TLS_REJECT_UNAUTHORIZED: strict }
      expect(await outcomes(`https://localhost:${port}`, env)).toEqual(refused)
      expect(heard).toBeEmpty()
    },
  )

  test('is refused from an address that the certificate does not name', async () => {
    const { port, heard } = await secure(forLocalhost)
    expect(await outcomes(`https://127.0.0.1:${port}`, { NODE_EXTRA_CA_CERTS: root })).toEqual(refused)
    expect(heard).toBeEmpty()
  })

  test.each(['0', '1'])(
    'is refused from an unknown root, before a byte of HTTP, with NODE_TLS_REJECT_UNAUTHORIZED=%s',
    async strict => {
      const { port, heard } = await secure(forLocalhost)
      expect(await outcomes(`https://localhost:${port}`, { NODE_TLS_REJECT_UNAUTHORIZED: strict })).toEqual(refused)
      expect(heard).toBeEmpty()
    },
  )

  test('by the roots of a file is taken from the name that is asked for, and from no other', async () => {
    const roots = rootsIn(root)
    const [good, other] = [await secure(forLocalhost), await secure(forOther)]
    const send = transport({ connectMs: 3000, bodyMs: 3000, headerMs: 3000 }, { roots })
    const ask = (url: string) =>
      send({ ...ASKED, origin: new URL(url) }).then(
        ({ statusCode }) => statusCode,
        ({ code }) => code,
      )
    expect(await ask(`https://localhost:${good.port}`)).toBe(200)
    for (const url of [`https://127.0.0.1:${good.port}`, `https://localhost:${other.port}`])
      expect(await ask(url)).toBe('upstream_unreachable')
    expect(other.heard).toBeEmpty()
  })

  test('holds the upstream back while nobody reads, and loses nothing', async () => {
    const size = 64 * 2 ** 20
    let sent = 0
    const sockets: TLSSocket[] = []
    const flood = createServer(forLocalhost, async socket => {
      sockets.push(socket.on('error', () => undefined))
      await once(socket, 'data')
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
      for (const block = Buffer.alloc(65_536, 'f'); sent < size; sent += block.length)
        if (!socket.write(block)) await once(socket, 'drain')
    })
    await new Promise<void>(resolve => flood.listen(0, '127.0.0.1', resolve))
    also({
      stop: async () => {
        for (const socket of sockets) socket.destroy()
        await new Promise(resolve => flood.close(resolve))
      },
    })
    const { port } = flood.address() as AddressInfo
    const send = transport({ connectMs: 3000, bodyMs: 3000, headerMs: 3000 }, { roots: rootsIn(root) })
    const answer = await send({ ...ASKED, origin: new URL(`https://localhost:${port}`) })
    for (let before = -1; before < sent; await Bun.sleep(100)) before = sent
    expect(sent).toBeLessThan(size / 2)
    let read = 0
    for await (const piece of answer) read += piece.length
    expect([read, answer.complete]).toEqual([size, true])
  })

  test.each(['localhost', '127.0.0.1'])('of nobody known at %s is a 502 for the caller', async host => {
    const { port, heard } = await secure(forLocalhost)
    const { ask, kit, logged } = await set(OK, { base: () => `https://${host}:${port}` })
    const { head, body } = await (await ask(MODELS)).message()
    expect(head).toStartWith('HTTP/1.1 502 ')
    expect(body).toContain('"upstream_unreachable"')
    expect((await fetch(`${kit.url}/.well-known/hpke-keys`)).status).toBe(502)
    expect(await logged('request', 2)).toMatchObject([{ level: 'error' }, { level: 'error' }])
    expect(heard).toBeEmpty()
  })

  test('is not spoken with an upstream that answers in plain text', async () => {
    const { ask, upstream } = await set(
      async wire => {
        await wire.until(text => text.length > 0)
        await wire.send(OK)
      },
      { base: ({ port }) => `https://localhost:${port}` },
    )
    expect((await (await ask(MODELS)).message()).head).toStartWith('HTTP/1.1 502 ')
    expect((await upstream.first()).text).not.toContain('HTTP/1.1')
  })
})

describe('a proxy of the environment', () => {
  test.each(['http', 'https'])('is not asked for %s', async scheme => {
    const proxy = also(await rawUpstream(answerBytes('200 OK', {}, 'proxied')))
    const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy']
    const env = {
      ...Object.fromEntries(names.map(name => [name, proxy.url])),
      NODE_USE_ENV_PROXY: '1',
      NODE_EXTRA_CA_CERTS: root,
    }
    const { port } = scheme === 'http' ? also(await rawUpstream(OK)) : await secure(forLocalhost)
    expect(await outcomes(`${scheme}://localhost:${port}`, env)).toEqual([200, 200])
    expect(proxy.wires).toBeEmpty()
  })
})
