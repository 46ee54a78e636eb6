import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { chownSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as secure } from 'node:tls'
import { authority, certificate, type Signer, serverAuth, subjectAltName } from '../../src/dev/certificates.ts'
import { runOn } from './database.ts'
import { freshDirectory } from './directory.ts'
import { NOBODY, postgresServer } from './postgres.ts'
import { eventually } from './stage.ts'

const DAY_MS = 86_400_000
// SSLRequest of PostgreSQL's protocol, version 3.
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])

const freshKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
const signing = (name: string): Signer => ({ name, key: freshKey().privateKey })

interface Shown {
  names: readonly string[]
  signer?: 'ours' | 'another'
  /** Milliseconds since the epoch. */
  to?: number
}

// Who has a password, and who needs none.
const HBA = 'host all locked 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n'

/** A PostgreSQL that speaks TLS, with certificates of the tests' own; its user `locked` signs in by a password. */
export async function postgresWithTls() {
  const signers = { ours: signing('our authority'), another: signing('another authority') }
  const life = { from: Date.now() - 2 * DAY_MS, to: Date.now() + DAY_MS }
  const put = filesOf(freshDirectory())

  function write({ names, signer = 'ours', to = life.to }: Shown): string {
    const { publicKey, privateKey } = freshKey()
    const extensions = [subjectAltName(names), serverAuth]
    const of = { subject: 'database', publicKey, signer: signers[signer], from: life.from, to, extensions }
    put('key.pem', String(privateKey.export({ type: 'pkcs8', format: 'pem' })))
    return put('cert.pem', certificate(of))
  }

  write({ names: ['127.0.0.1'] })
  const files = { ssl_cert_file: put('cert.pem'), ssl_key_file: put('key.pem'), hba_file: put('hba.conf', HBA) }
  const settings = Object.entries({ ssl: 'on', ...files }).map(([name, value]) => `${name}=${value}`)
  const server = await postgresServer(settings)
  return {
    ...server,
    /** The certificate of who signs for it, in PEM. */
    ca: authority(signers.ours, life),
    /** Has it show a certificate for these names from now on. */
    show: async (shown: Shown): Promise<void> => {
      const wanted = new X509Certificate(readFileSync(write(shown))).fingerprint256
      await runOn(server.url, 'SELECT pg_reload_conf()')
      await eventually(async () => (await shownBy(server.url)) === wanted)
    },
  }
}

/** Files that the user who runs PostgreSQL may read, and nobody else. */
function filesOf(directory: string) {
  const give = (path: string) => process.getuid?.() === 0 && chownSync(path, NOBODY, NOBODY)
  give(directory)
  return (name: string, text?: string): string => {
    const path = join(directory, name)
    if (text !== undefined) {
      writeFileSync(path, text, { mode: 0o600 })
      give(path)
    }
    return path
  }
}

/** The fingerprint of the certificate that a server shows; none where it speaks no TLS. */
async function shownBy(url: string): Promise<string | undefined> {
  const { port } = new URL(url)
  const socket = connect({ host: '127.0.0.1', port: Number(port) })
  try {
    socket.write(SSL_REQUEST)
    const word = await new Promise<Buffer>((resolve, reject) => socket.once('data', resolve).once('error', reject))
    return word.toString() === 'S' ? await fingerprint(socket) : undefined
  } finally {
    socket.destroy()
  }
}

function fingerprint(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const over = secure({ socket, rejectUnauthorized: false })
    over.once('secureConnect', () => resolve(over.getPeerCertificate().fingerprint256)).once('error', reject)
  })
}
