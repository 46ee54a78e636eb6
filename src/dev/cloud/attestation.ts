import type { Routes } from './call.ts'
import { bad, missing } from './refusal.ts'

/** Reports in the shape of cloud-api's: nothing in them is quoted, and a reader that rounds numbers shows itself. */
export function attestation(models: readonly string[]): Routes {
  return {
    'GET attestation/report': ({ query }) => {
      const nonce = query.get('nonce') ?? '00'.repeat(32)
      const algorithm = query.get('signing_algo') ?? 'ed25519'
      const model = query.get('model')
      if (!/^[\da-f]{64}$/i.test(nonce)) throw bad('nonce', 'Invalid nonce')
      if (model !== null && !models.includes(model)) throw missing(`Model '${model}' not found`)
      const address = query.get('signing_address') ?? '0f'.repeat(32)
      const shared = { signing_address: address, signing_algo: algorithm, request_nonce: nonce }
      return answer([
        ['gateway_attestation', gateway(shared)],
        ['model_attestations', `[${model === null ? '' : machine(shared, model)}]`],
        ['tls_certificate', '"-----BEGIN CERTIFICATE-----\\nstand-in\\n-----END CERTIFICATE-----\\n"'],
        ['ohttp_key_config', '"0100200f"'],
        ['issued_at_ns', '1767225600123456789'],
        ['x-unheard-of', '{"precise":0.1234567890123456789, "tiny":1e-400, "\\u0061":[ ]}'],
      ])
    },
  }
}

interface Shared {
  readonly signing_address: string
  readonly signing_algo: string
  readonly request_nonce: string
}

const QUOTE = Buffer.from('stand-in, nothing is quoted').toString('hex')

function gateway(shared: Shared): string {
  const report_data = shared.signing_address + shared.request_nonce
  const told = { intel_quote: QUOTE, event_log: '[]', report_data, tls_cert_fingerprint: 'f0'.repeat(32) }
  return numbered({ ...shared, ...told, info: { app_id: 'stand-in', tcb_info: { rtmr3: '00' } } })
}

function machine(shared: Shared, model_name: string): string {
  const nvidia_payload = JSON.stringify({ nonce: shared.request_nonce, evidence_list: [], arch: 'HOPPER' })
  return numbered({
    model_name,
    ...shared,
    signing_public_key: '04',
    intel_quote: QUOTE,
    nvidia_payload,
    event_log: [],
  })
}

/** With a member that no double holds. */
const numbered = (members: object) => `{"sequence":9007199254740993,${JSON.stringify(members).slice(1)}`

function answer(members: readonly (readonly [name: string, json: string])[]): Response {
  const body = `{ ${members.map(([name, json]) => `"${name}" : ${json}`).join(' ,\n  ')} }\n`
  const headers = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }
  return new Response(body, { headers })
}
