import { afterAll, afterEach, describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import { authority, certificate, type Signer, serverAuth, subjectAltName } from '../../src/dev/certificates.ts'
import { rootsIn } from '../../src/upstream/roots.ts'
import { transport } from '../../src/upstream/transport.ts'
import { freshDirectory } from '../kit/directory.ts'
import { outcome } from '../kit/problem.ts'
import { answerBytes, CHUNKED, chunk, stages } from '../kit/stage.ts'

const { also, clear } = stages()
afterEach(clear)
const directory = freshDirectory()
afterAll(() => rmSync(directory, { recursive: true }))

const DAY_MS = 86_400_000
const OK = answerBytes('200 OK', {}, 'ok')
const freshKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
const known: Signer = { name: 'a known root', key: freshKey().privateKey }
const stranger: Signer = { name: 'a stranger', key: freshKey().privateKey }
const life = { from: Date.now() - DAY_MS, to: Date.now() + DAY_MS }
const file = join(directory, 'root.pem')
writeFileSync(file, authority(known, life))
const roots = rootsIn(file)

interface Shown {
  signer?: Signer
  names?: string[]
  from?: number
  to?: number
}

/** A certificate and its key, good for localhost unless told. */
function shown({ signer = known, names = ['localhost', '127.0.0.1'], ...times }: Shown = {}) {
  const { publicKey, privateKey } = freshKey()
  const extensions = [subjectAltName(names), serverAuth]
  const cert = certificate({ subject: 'localhost', publicKey, signer, ...life, ...times, extensions })
  return { cert, key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })) }
}

type Said = (tls: TLSSocket, tcp: Socket) => unknown

/** A server that speaks TLS, and does as told once a request is there; it ends no connection by itself. */
async function speaking(identity: ReturnType<typeof shown>, said: Said) {
  const heard: string[] = []
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, tcp => {
    open.add(tcp.on('error', () => undefined).on('close', () => open.delete(tcp)))
    const tls = new TLSSocket(tcp, { isServer: true, ...identity })
    tls
      .on('error', () => undefined)
      .on('data', bytes => {
        heard.push(String(bytes))
        said(tls, tcp)
      })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const stop = async () => {
    for (const socket of open) socket.destroy()
    await new Promise(resolve => server.close(resolve))
  }
  return also({ port, heard, stop })
}

function asking(port: number, host = 'localhost') {
  const send = transport({ connectMs: 3000, bodyMs: 3000, headerMs: 3000 }, { roots })
  const { signal } = new AbortController()
  const usual = { method: 'GET', path: '/', headers: {}, body: null, signal, reached: () => undefined }
  return () => send({ ...usual, origin: new URL(`https://${host}:${port}`) })
}

const read = (ask: ReturnType<typeof asking>) =>
  outcome(async () => {
    for await (const _ of await ask());
  })

describe('who is spoken to', () => {
  test.each(['localhost', '127.0.0.1'])('is whoever shows %s, by a root that is known', async host => {
    const { port, heard } = await speaking(shown(), tls => tls.write(OK))
    expect(await read(asking(port, host))).toBe('fine')
    expect(heard.length).toBe(1)
  })

  const wrong: [string, Shown][] = [
    ['another name', { names: ['other.example'] }],
    ['another address', { names: ['localhost', '127.0.0.2'] }],
    ['a name that ends in the right one', { names: ['evil-localhost', 'evil.localhost'] }],
    ['an unknown root', { signer: stranger }],
    ['a name of the known root by another key', { signer: { ...stranger, name: known.name } }],
    ['a time that is over', { to: Date.now() - 60_000 }],
    ['a time that is to come', { from: Date.now() + 3_600_000 }],
  ]
  test.each(wrong)('is nobody who shows %s, and nothing is said to them', async (_, asked) => {
    const { port, heard } = await speaking(shown(asked), tls => tls.write(OK))
    const host = asked.names?.includes('127.0.0.2') ? '127.0.0.1' : 'localhost'
    expect(await read(asking(port, host))).toBe('upstream_unreachable')
    expect(heard).toBeEmpty()
  })
})

test('a cut by who is on the way never makes an answer whole', async () => {
  const cut = await speaking(shown(), (tls, tcp) => tls.write('HTTP/1.1 200 OK\r\n\r\nhalf of', () => tcp.end()))
  const answer = await asking(cut.port)()
  const pieces: string[] = []
  const reading = (async () => {
    for await (const piece of answer) pieces.push(String(piece))
  })()
  expect((await reading.catch(error => error)).code).toBe('upstream_unreachable')
  expect([pieces.join(''), answer.complete]).toEqual(['half of', false])
  const chunks = await speaking(shown(), (tls, tcp) => tls.write(CHUNKED + chunk('half of'), () => tcp.end()))
  expect(await read(asking(chunks.port))).toBe('upstream_unreachable')
})

test('what waits for a slow reader is not lost where its server hangs up', async () => {
  const size = 8_000_000
  const head = `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${size}\r\n\r\n`
  const { port } = await speaking(shown(), tls => {
    tls.write(head)
    tls.end(Buffer.alloc(size, 'f'))
  })
  const answer = await asking(port)()
  let bytes = 0
  for await (const piece of answer) {
    bytes += piece.length
    await Bun.sleep(1)
  }
  expect([bytes, answer.complete]).toEqual([size, true])
})

test('a server that does not end its side holds no connection that we are done with', async () => {
  // A process of its own counts: the server's ends would be counted here.
  const { port } = await speaking(shown(), tls => tls.write(answerBytes('200 OK', { Connection: 'close' }, 'ok')))
  const code = `
    import { readdirSync } from 'node:fs'
    import { rootsIn } from '${import.meta.resolve('../../src/upstream/roots.ts')}'
    import { transport } from '${import.meta.resolve('../../src/upstream/transport.ts')}'
    const send = transport({ connectMs: 3000, bodyMs: 3000, headerMs: 3000 }, { roots: rootsIn('${file}') })
    const { signal } = new AbortController()
    const asked = { origin: new URL('https://localhost:${port}'), method: 'GET', path: '/', headers: {}, body: null, signal }
    const counts = []
    for (let i = 0; i < 12; i++) {
      for await (const _ of await send({ ...asked, reached: () => undefined }));
      await Bun.sleep(5)
      counts.push(readdirSync('/proc/self/fd').length)
    }
    console.log(counts[11] - counts[1])
    process.exit(0)`
  const child = Bun.spawn([process.execPath, '-e', code], { stdout: 'pipe', stderr: 'inherit' })
  expect((await child.stdout.text()).trim()).toBe('0')
})
