import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { SecureContext } from 'node:tls'
import { quoted } from '../protocol/kinds.ts'

const BEGIN = '-----BEGIN CERTIFICATE-----'
const BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

/** The file of private roots cannot be used; the message says why, and the way out. */
export class RootsFault extends Error {
  override readonly name = 'RootsFault'
}

/** Whom outgoing connections trust: the public roots, and private ones besides. */
export interface Roots {
  /** All of them, in PEM. */
  readonly pem: string
  // Given `ca`, each connection reads all of it, 700 µs of CPU.
  readonly context: SecureContext
  /** `sha256:` and SHA-256, in hex, of the file of the private ones. */
  readonly digest: string
}

/** Reads the private roots in a file, if one is named. @throws RootsFault */
export function rootsIn(path: string | undefined): Roots | undefined {
  if (path === undefined) return undefined
  const bytes = contentOf(path)
  const text = bytes.toString('latin1')
  const blocks = text.match(BLOCK) ?? []
  if (blocks.length < text.split(BEGIN).length - 1)
    throw new RootsFault(`CA_FILE: ${quoted(path)} has a certificate that is cut off: mend it.`)
  if (blocks.length === 0)
    throw new RootsFault(`CA_FILE: ${quoted(path)} holds no certificate in PEM: name a file that does.`)
  blocks.forEach((block, index) => {
    if (!isCertificate(block))
      throw new RootsFault(`CA_FILE: ${quoted(path)} holds no certificate as its number ${index + 1}: mend it.`)
  })
  // Not imported: reading the roots that it has built in would take 2 ms of each start.
  const { rootCertificates, createSecureContext } = process.getBuiltinModule('node:tls')
  const pem = [...rootCertificates, ...blocks].join('\n')
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  return { pem, context: createSecureContext({ ca: pem }), digest }
}

function contentOf(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    const { code = 'no code' } = cause as NodeJS.ErrnoException
    throw new RootsFault(`CA_FILE: ${quoted(path)} cannot be read (${code}): name a file of certificates in PEM.`, {
      cause,
    })
  }
}

function isCertificate(block: string): boolean {
  try {
    return new X509Certificate(block).raw.length > 0
  } catch {
    return false
  }
}
