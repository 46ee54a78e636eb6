import { createTransport } from 'ehbp'
import { recipient } from '../src/dev/recipient.ts'
import { sealed } from '../src/dev/sealing.ts'
import { KEYS_MEDIA_TYPE, KEYS_PATH, marshalKeyConfiguration } from '../src/protocol/ehbp.ts'
import { claim, type Figure, type Gateway, type Ground, megabytes } from './kit/claim.ts'
import { watchMemory } from './kit/process.ts'
import { ask, chunkedBody, upstream } from './kit/wire.ts'

const MIB = 1024 * 1024
const LIMIT = 64 * MIB
const UPLOAD = 64 * MIB
const ANSWER = 500 * 1000 * 1000
const STALL_MS = 4000
const EMPTY = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'
const CHAT = '/v1/chat/completions'

await claim(
  {
    name: 'sealed-upload',
    says: 'a sealed upload of 64 MiB and a 500 MB answer to a stalled reader do not fill the memory of the gateway',
    withinSeconds: 60,
  },
  async ground => [
    await truly(ground),
    await intoStall('content-length', ground),
    await intoStall('chunked', ground),
    ...(await toStalledReader(ground)),
  ],
)

function figure(what: string, grown: number, whole: boolean): Figure {
  const is = `${megabytes(grown)} (limit ${megabytes(LIMIT)})${whole ? '' : ', and bytes are missing or changed'}`
  return { what: `${what}: memory grew by`, is, holds: whole && grown < LIMIT }
}

/** Sealed by npm ehbp, opened behind the gateway by the stand-in's own sealing. */
async function truly(ground: Ground): Promise<Figure> {
  const enclave = await recipient()
  let opened = ''
  const open = async (request: Request) => {
    const hash = new Bun.CryptoHasher('sha256')
    for await (const chunk of request.body ?? []) hash.update(chunk)
    opened = hash.digest('hex')
    return new Response('opened')
  }
  const keys = marshalKeyConfiguration(enclave.publicKey) as Uint8Array<ArrayBuffer>
  const chat = sealed(open, () => enclave)
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    reusePort: false,
    development: false,
    idleTimeout: 0,
    fetch: request =>
      new URL(request.url).pathname === KEYS_PATH
        ? new Response(keys, { headers: { 'content-type': KEYS_MEDIA_TYPE } })
        : chat(request),
  })
  ground.also({ stop: () => server.stop(true) })
  const gateway = await ground.gateway(server.url.origin)
  const headers = { ...(await ground.bearer()), 'content-type': 'application/json' }
  const transport = await createTransport(gateway.url)
  const send = async (body: Uint8Array<ArrayBuffer>) =>
    (await transport.post(gateway.url + CHAT, body, { headers })).text()
  await send(Buffer.from('warm'))
  const body = Buffer.alloc(UPLOAD, 'a prompt of sixty-four mebibytes ')
  const memory = ground.also(watchMemory(gateway.pid))
  const answer = await send(body)
  const whole = answer === 'opened' && opened === new Bun.CryptoHasher('sha256').update(body).digest('hex')
  return figure('64 MiB sealed by npm ehbp and opened upstream', memory.grown(), whole)
}

/** A body of that size with a valid header, into an upstream that reads nothing for some seconds, then all. */
async function intoStall(framing: 'content-length' | 'chunked', ground: Ground): Promise<Figure> {
  const piece = Buffer.alloc(64 * 1024, 'sealed ')
  const chunk = framing === 'chunked' ? Buffer.concat([Buffer.from('10000\r\n'), piece, Buffer.from('\r\n')]) : piece
  const pieces = UPLOAD / piece.length
  let received = 0
  const behind = ground.also(
    await upstream(async wire => {
      const head = await wire.head()
      if (head.startsWith('GET')) return wire.send(EMPTY)
      wire.pause()
      await Bun.sleep(STALL_MS)
      wire.resume()
      received = (await wire.until(head.length + UPLOAD)) - head.length
      await wire.send(`HTTP/1.1 200 OK\r\nEhbp-Response-Nonce: ${'cd'.repeat(32)}\r\nContent-Length: 4\r\n\r\nread`)
    }),
  )
  const gateway = await ground.gateway(behind.url)
  const bearer = await ground.bearer()
  await warm(gateway, bearer)
  const memory = ground.also(watchMemory(gateway.pid))
  const client = await ask(gateway.url, `POST ${CHAT}`, {
    ...bearer,
    'ehbp-encapsulated-key': 'ab'.repeat(32),
    ...(framing === 'chunked' ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(UPLOAD) }),
  })
  for (let sent = 0; sent < pieces; sent++) await client.send(sent === 0 ? asFrame(chunk, framing) : chunk)
  if (framing === 'chunked') await client.send('0\r\n\r\n')
  const answered = (await client.head()).startsWith('HTTP/1.1 200')
  client.leave()
  return figure(`64 MiB (${framing}) to an upstream that stalls`, memory.grown(), answered && received >= UPLOAD)
}

/** The same piece, its first bytes the length of one sealed frame that is the whole body. */
function asFrame(chunk: Buffer, framing: 'content-length' | 'chunked'): Buffer {
  const first = Buffer.from(chunk)
  first.writeUInt32BE(UPLOAD - 4, framing === 'chunked' ? chunk.indexOf('\r\n') + 2 : 0)
  return first
}

/** The caller reads nothing for some seconds, then all. */
async function toStalledReader(ground: Ground): Promise<Figure[]> {
  const piece = Buffer.alloc(100_000, 'sealed ')
  const behind = ground.also(
    await upstream(async wire => {
      if ((await wire.head()).startsWith('GET')) return wire.send(EMPTY)
      await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${ANSWER}\r\n\r\n`)
      for (let sent = 0; sent < ANSWER; sent += piece.length) await wire.send(piece)
    }),
  )
  const gateway = await ground.gateway(behind.url)
  const bearer = await ground.bearer()
  await warm(gateway, bearer)
  const memory = ground.also(watchMemory(gateway.pid))
  const client = await ask(gateway.url, `POST ${CHAT}`, { ...bearer, 'content-length': '2' }, '{}')
  await client.head()
  const body = chunkedBody()
  client.onBody(body.read)
  client.pause()
  await Bun.sleep(STALL_MS)
  const stalled = memory.grown()
  client.resume()
  await client.when(() => body.whole)
  client.leave()
  const hash = new Bun.CryptoHasher('sha256')
  for (let at = 0; at < ANSWER; at += piece.length) hash.update(piece)
  const whole = body.whole && body.digest() === hash.digest('hex')
  return [
    figure('500 MB to a reader that stalls, while it stalls', stalled, whole),
    figure('500 MB to a reader that stalls, in all', memory.grown(), whole),
  ]
}

/** What every gateway needs for its first requests is not what is measured. */
async function warm({ url }: Gateway, headers: Record<string, string>): Promise<void> {
  for (let asked = 0; asked < 20; asked++) await (await fetch(`${url}/v1/models`, { headers })).arrayBuffer()
}
