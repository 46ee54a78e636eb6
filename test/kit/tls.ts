import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { connect, type TLSSocket } from 'node:tls'
import { authority, certificate, type Signer, serverAuth, subjectAltName } from '../../src/dev/certificates.ts'
import { type Pair, pairOf } from '../../src/tls/pair.ts'

const DAY_MS = 86_400_000
const NAMES = { key: 'the key', chain: 'the chain' }

const freshKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** Who signs the certificates of these tests. */
const signer: Signer = { name: 'test authority', key: freshKey().privateKey }

interface Life {
  /** Milliseconds since the epoch; from yesterday to tomorrow unless told. */
  from?: number
  to?: number
}

/** A certificate for localhost with its authority's, and the key, in PEM. */
export function madePair({ from = Date.now() - DAY_MS, to = Date.now() + DAY_MS }: Life = {}) {
  const { publicKey, privateKey } = freshKey()
  const extensions = [subjectAltName(['localhost', '127.0.0.1']), serverAuth]
  const leaf = certificate({ subject: 'localhost', publicKey, signer, from, to, extensions })
  const key = String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
  return { key, chain: leaf + authority(signer, { from, to }) }
}

/** One that is good now. */
export const goodPair = (): Pair => pairOf(madePair(), NAMES, Date.now())

/** A client over one connection of its own. */
export interface TlsClient {
  /** SHA-256 of the public key that the server showed, in hex. */
  readonly spki: string
  /** Sends a GET of a path; what comes is in `seen`. */
  get(path: string): void
  /** Resolves once all that came holds this text; rejects if the connection ends before. */
  until(text: string): Promise<string>
  /** Resolves when the server has ended the connection in good order, rejects where it broke. */
  readonly ended: Promise<void>
  close(): void
}

/** Connects to a port of this machine; whose certificate it is is not looked at. */
export async function tlsClient(
  port: number,
  maxVersion: 'TLSv1.3' | 'TLSv1.2' | 'TLSv1.1' = 'TLSv1.3',
): Promise<TlsClient> {
  const socket = await new Promise<TLSSocket>((resolve, reject) => {
    const made = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, minVersion: 'TLSv1', maxVersion })
    made.once('secureConnect', () => resolve(made)).once('error', reject)
  })
  const spki = new X509Certificate(socket.getPeerCertificate(true).raw).publicKey.export({
    type: 'spki',
    format: 'der',
  })
  let text = ''
  const over = Promise.withResolvers<void>()
  over.promise.catch(() => undefined)
  let wake = Promise.withResolvers<void>()
  socket.on('data', chunk => {
    text += chunk
    wake.resolve()
    wake = Promise.withResolvers()
  })
  socket.on('end', () => over.resolve()).on('error', over.reject)
  socket.on('close', () => over.reject(new Error('closed without an end')))
  return {
    spki: createHash('sha256').update(spki).digest('hex'),
    get: path => void socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`),
    until: async wanted => {
      while (!text.includes(wanted)) {
        const isOver = await Promise.race([wake.promise, over.promise.then(() => true)])
        if (isOver && !text.includes(wanted)) throw new Error(`ended before ${wanted}`)
      }
      return text
    },
    ended: over.promise,
    close: () => socket.destroy(),
  }
}
