import type { Reach } from '../tee/sockets.ts'
import { tlsKeys } from './agent-tls.ts'
import { custody } from './custody.ts'
import { machine } from './machine.ts'

/** What a method is asked with, and what it gives; what it throws is told with a 400. */
type Methods = Readonly<Record<string, (asked: Readonly<Record<string, unknown>>) => unknown>>

const AGENT_VERSION = '0.5.8'
const REPORT_DATA_BYTES = 64

/**
 * A guest agent, played: dstack's methods in JSON, with keys from a seed and quotes that say that they are simulated.
 * Nothing is measured, and no quote is signed.
 */
export function standInAgent({ seed, now = Date.now }: { seed: string; now?: () => number }) {
  const { appCompose, appId, booted } = machine(seed)
  const { root, key } = custody(seed, appId)
  const { info, quoted } = booted(JSON.stringify({ name: 'stand-in', id: root }))
  const methods: Methods = {
    Info: () => info,
    GetQuote: ({ report_data: given }) => quoted(paddedTo64(hexOf(given))),
    GetKey: ({ path = '', purpose = '', algorithm = '' }) => {
      if (!['', 'secp256k1', 'k256'].includes(String(algorithm))) throw new Error('Unsupported algorithm')
      return key(String(path), String(purpose))
    },
    GetTlsKey: tlsKeys(now),
    Version: () => ({ version: AGENT_VERSION, rev: '' }),
  }
  const reach: Reach = async (method, body) => answer(methods, method, body)
  return { reach, appCompose }
}

/** As prpc answers: what a method gives in compact JSON, else a 400 in pretty JSON. */
function answer(methods: Methods, method: string, body: string): Response {
  try {
    const known = Object.hasOwn(methods, method) ? methods[method] : undefined
    if (!known) throw new Error(`Service not found: ${method}`)
    return Response.json(known(Object(JSON.parse(body || '{}'))))
  } catch (error) {
    const text = JSON.stringify({ error: error instanceof Error ? error.message : 'failed' }, null, 2)
    return new Response(text, { status: 400, headers: { 'content-type': 'application/json' } })
  }
}

function hexOf(given: unknown): Uint8Array {
  const text = String(given ?? '').replace(/^0x/, '')
  if (!/^(?:[\da-f]{2})*$/i.test(text)) throw new Error('Invalid hex')
  return new Uint8Array(Buffer.from(text, 'hex'))
}

function paddedTo64(bytes: Uint8Array): Uint8Array {
  if (bytes.length > REPORT_DATA_BYTES) throw new Error('Report data is too long')
  return Buffer.concat([bytes, Buffer.alloc(REPORT_DATA_BYTES)], REPORT_DATA_BYTES)
}
