import { createHash, X509Certificate } from 'node:crypto'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'

/** A report, and the key of the very connection that it came by. */
export interface Fetched {
  readonly report: unknown
  /** SHA-256 of the server's public key (SPKI, DER) in hex; none without TLS. */
  readonly spki: string | undefined
}

/** No report came: in words. */
export class NoReport extends Error {}

const MOST_BYTES = 8_388_608
const PATH = '/v1/attestation/report'

/**
 * Asks a gateway who it is, by a connection of its own: no proxy, no redirects, 8 MiB and so many milliseconds at most.
 * The certificate's name and authority are not judged: the key is, by the quote. @throws NoReport
 */
export async function fetchReport(url: URL, nonce: string, withinMs = 60_000): Promise<Fetched> {
  const path = `${url.pathname.replace(/\/+$/, '').replace(PATH, '')}${PATH}?nonce=${nonce}`
  const asked = ask(url, path)
  const late = new NoReport(`does not answer within ${withinMs / 1000} s`)
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    asked.destroy(late)
  }, withinMs)
  try {
    const response = await answerTo(asked)
    const spki = 'getPeerX509Certificate' in response.socket ? spkiOf(response.socket as TLSSocket) : undefined
    const text = await textOf(response)
    return { report: reportIn(response, text), spki }
  } catch (error) {
    // Inside an answer it is the stream that breaks, by another error.
    if (isLate) throw late
    if (error instanceof NoReport) throw error
    throw new NoReport(`cannot be reached (${Object(error).code ?? 'no reason given'})`)
  } finally {
    clearTimeout(timer)
    asked.destroy()
  }
}

function ask(url: URL, path: string): ClientRequest {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const headers = { host: url.host, accept: 'application/json', 'user-agent': 'sealgate verify', connection: 'close' }
  const options = { host, port: url.port, path, headers, agent: false as const }
  if (url.protocol === 'http:') return process.getBuiltinModule('node:http').request(options)
  // Whoever holds the key of a certificate proves it in each handshake, whoever signed the certificate.
  const { request } = process.getBuiltinModule('node:https')
  return request({ ...options, rejectUnauthorized: false, ...(isIP(host) === 0 && { servername: host }) })
}

function answerTo(asked: ClientRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  asked.on('response', resolve).on('error', reject)
  asked.end()
  return promise
}

function spkiOf(socket: TLSSocket): string {
  const { raw } = socket.getPeerCertificate()
  if (!raw) throw new NoReport('its certificate cannot be read')
  const key = new X509Certificate(raw).publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(key).digest('hex')
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response) {
    size += chunk.length
    if (size > MOST_BYTES) throw new NoReport(`answers with more than ${MOST_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function reportIn({ statusCode }: IncomingMessage, text: string): unknown {
  const told = jsonIn(text)
  if (statusCode === 200 && told !== undefined) return told
  const { message } = Object(Object(told).error)
  throw new NoReport(`answers ${statusCode}${typeof message === 'string' ? `: ${message}` : ', which is no report'}`)
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
