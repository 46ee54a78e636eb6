import { claim, type Figure, type Gateway, type Ground, megabytes } from './kit/claim.ts'
import { watchMemory } from './kit/process.ts'
import { ask, becomes, chunkedBody, upstream, type Wire } from './kit/wire.ts'

const MIB = 1024 * 1024
const LIMIT = 64 * MIB
const UPLOAD = 512 * MIB
const CONTENT = 200 * 1000 * 1000
const STALL_MS = 4000
const CUT_MS = 1000
const PIECE = Buffer.alloc(64 * 1024, 'a file ')
const FORM = { 'content-type': 'multipart/form-data; boundary=x' }
const EMPTY = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'
const MADE = '{"id":"file-1","object":"file","bytes":1,"created_at":1,"filename":"x","purpose":"batch"}'
const CREATED = `HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${MADE.length}\r\n\r\n${MADE}`

await claim(
  {
    name: 'files',
    says: 'a file of 512 MiB on its way up, and one of 200 MB to a stalled reader, do not fill the memory of the gateway',
    withinSeconds: 90,
  },
  async ground => [
    await intoStall('content-length', ground),
    await intoStall('chunked', ground),
    await toStalledReader(ground),
    await cut(ground),
  ],
)

function figure(what: string, grown: number, whole: boolean): Figure {
  const is = `${megabytes(grown)} (limit ${megabytes(LIMIT)})${whole ? '' : ', and bytes are missing or changed'}`
  return { what: `${what}: memory grew by`, is, holds: whole && grown < LIMIT }
}

/** A gateway before a cloud that does with forms and contents what it is told, warm. */
async function before(serve: (wire: Wire, head: string) => Promise<void>, ground: Ground) {
  const behind = ground.also(
    await upstream(async wire => {
      const head = await wire.head()
      await (/^GET \/v1\/models/.test(head) ? wire.send(EMPTY) : serve(wire, head))
    }),
  )
  const gateway = await ground.gateway(behind.url, {
    OPENAI_BASE_URL: `${behind.url}/v1`,
    OPENAI_API_KEY: 'sk-prove',
  })
  const bearer = await ground.bearer()
  for (let asked = 0; asked < 20; asked++)
    await (await fetch(`${gateway.url}/v1/models`, { headers: bearer })).arrayBuffer()
  return { gateway, bearer }
}

function begin({ url }: Gateway, bearer: Record<string, string>, framing: 'content-length' | 'chunked'): Promise<Wire> {
  const length = framing === 'chunked' ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(UPLOAD) }
  return ask(url, 'POST /v1/files', { ...bearer, ...FORM, ...length })
}

/** Into an upstream that reads nothing for some seconds, then all. */
async function intoStall(framing: 'content-length' | 'chunked', ground: Ground): Promise<Figure> {
  let digest = ''
  const { gateway, bearer } = await before(async wire => {
    wire.pause()
    await Bun.sleep(STALL_MS)
    wire.resume()
    const body = framing === 'chunked' ? chunkedBody() : counted(UPLOAD)
    wire.onBody(body.read)
    await wire.when(() => body.whole)
    digest = body.digest()
    await wire.send(CREATED)
  }, ground)
  const memory = ground.also(watchMemory(gateway.pid))
  const client = await begin(gateway, bearer, framing)
  const size = PIECE.length.toString(16)
  const chunk = framing === 'chunked' ? Buffer.concat([Buffer.from(`${size}\r\n`), PIECE, Buffer.from('\r\n')]) : PIECE
  for (let bytes = 0; bytes < UPLOAD; bytes += PIECE.length) await client.send(chunk)
  if (framing === 'chunked') await client.send('0\r\n\r\n')
  const answered = (await client.head()).startsWith('HTTP/1.1 201')
  client.leave()
  const whole = answered && digest === digestOf(PIECE, UPLOAD)
  return figure(`512 MiB (${framing}) to an upstream that stalls`, memory.grown(), whole)
}

/** A body of a known length, of which only a hash is kept. */
function counted(length: number) {
  const hash = new Bun.CryptoHasher('sha256')
  let bytes = 0
  return {
    get whole() {
      return bytes >= length
    },
    digest: () => hash.digest('hex'),
    read: (piece: Buffer) => {
      hash.update(piece)
      bytes += piece.length
    },
  }
}

function digestOf(piece: Buffer, length: number): string {
  const hash = new Bun.CryptoHasher('sha256')
  for (let at = 0; at < length; at += piece.length) hash.update(piece)
  return hash.digest('hex')
}

/** The caller reads nothing for some seconds, then all. */
async function toStalledReader(ground: Ground): Promise<Figure> {
  const piece = Buffer.alloc(100_000, 'content ')
  const { gateway, bearer } = await before(async (wire, head) => {
    if (head.startsWith('POST')) return wire.send(CREATED)
    await wire.send(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${CONTENT}\r\n\r\n`)
    for (let sent = 0; sent < CONTENT; sent += piece.length) await wire.send(piece)
  }, ground)
  const upload = await ask(gateway.url, 'POST /v1/files', { ...bearer, ...FORM, 'content-length': '5' }, '--x--')
  await upload.head()
  upload.leave()
  const memory = ground.also(watchMemory(gateway.pid))
  const client = await ask(gateway.url, 'GET /v1/files/file-1/content', bearer)
  const isFound = (await client.head()).startsWith('HTTP/1.1 200')
  const body = chunkedBody()
  client.onBody(body.read)
  client.pause()
  await Bun.sleep(STALL_MS)
  client.resume()
  await client.when(() => body.whole)
  client.leave()
  return figure('200 MB to a reader that stalls', memory.grown(), isFound && body.digest() === digestOf(piece, CONTENT))
}

/** A client that leaves amid its form, while the upstream reads nothing. */
async function cut(ground: Ground): Promise<Figure> {
  let wire: Wire | undefined
  const { gateway, bearer } = await before(async given => {
    wire = given
    // Who reads nothing learns of an end by writing.
    given.pause()
    await given.closed
  }, ground)
  const client = await begin(gateway, bearer, 'content-length')
  for (let sent = 0; sent < 64; sent++) void client.send(PIECE)
  await becomes(() => wire !== undefined, 5000)
  await Bun.sleep(500)
  client.leave()
  wire?.resume()
  const took = await becomes(() => wire?.gone === true, 5000)
  return {
    what: 'a client cut amid its form frees the upstream after',
    is: `${took === undefined ? 'more than 5000' : took.toFixed(0)} ms (limit ${CUT_MS} ms)`,
    holds: took !== undefined && took < CUT_MS,
  }
}
