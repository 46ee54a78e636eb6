import { type Detail, headers, parameter, refuses } from './openapi.ts'
import { LIMIT_HEADERS } from './openapi-words.ts'

const CODES = [
  'invalid_query',
  'not_in_a_tee',
  'agent_failed',
  'agent_unavailable',
  'agent_timeout',
  'quote_mismatch',
  'overloaded',
] as const

const text = { type: 'string' }
const hex = { type: 'string', pattern: '^[0-9a-f]*$' }
const object = { type: 'object' }

const SHARED = {
  signing_address: text,
  signing_algo: { type: 'string', enum: ['ecdsa', 'ed25519'] },
  request_nonce: { type: 'string', pattern: '^[0-9a-fA-F]{64}$' },
  intel_quote: hex,
  info: object,
}
const OWN = {
  mode: { type: 'string', enum: ['dstack', 'simulated'], description: 'What the gateway was told: no proof.' },
  ...SHARED,
  report_data: { type: 'string', pattern: '^[0-9a-f]{128}$' },
  statement: {
    type: 'string',
    description:
      'Canonical JSON (RFC 8785): purpose, version, commit, executable_sha256 (where there is one), keyset, settings.',
  },
  event_log: { type: 'string', description: 'JSON, as the guest agent wrote it.' },
  app_compose: text,
  image_digests: { type: 'array', items: text },
  vm_config: { type: 'string', nullable: true },
  replay: { type: 'string', description: '`ok`, or which registers the event log does not lead to.' },
}

const COLLATERAL = { ...object, description: 'What Intel publishes about this machine, if the gateway has PCCS_URL.' }

const schemaOf = (properties: Readonly<Record<string, object>>, more: object = {}) => {
  return { type: 'object', required: Object.keys(properties), properties: { ...properties, ...more } }
}

const REPORT = schemaOf(
  {
    gateway_attestation: schemaOf(OWN, { collateral: COLLATERAL }),
    chat_api_gateway_attestation: schemaOf({ ...SHARED, event_log: { type: 'array', items: object } }),
  },
  {
    cloud_api_gateway_attestation: object,
    model_attestations: { type: 'array', items: object },
    tinfoil_attestation: object,
    upstream_error: { ...object, description: 'By the name of a backend that told nothing: `code` and `message`.' },
  },
)

const QUOTED = {
  signing_address: '0f'.repeat(32),
  signing_algo: 'ed25519',
  request_nonce: 'f0'.repeat(32),
  intel_quote: '0400',
  info: { app_id: '0f'.repeat(20) },
}
const EXAMPLE = {
  gateway_attestation: {
    mode: 'dstack',
    ...QUOTED,
    report_data: '0f'.repeat(32) + QUOTED.request_nonce,
    statement:
      '{"commit":"…","executable_sha256":"…","keyset":{…},"purpose":"sealgate.report_data.v1","settings":{…},"version":"…"}',
    event_log: '[…]',
    app_compose: '{…}',
    image_digests: [`sha256:${'0f'.repeat(32)}`],
    vm_config: '{…}',
    replay: 'ok',
  },
  chat_api_gateway_attestation: { ...QUOTED, event_log: [] },
}

/** What is said of reports. */
export function reportDetail(): Detail {
  return refuses(CODES, {
    tags: ['trust'],
    summary:
      'Who answers here: a quote of the TEE over keys, settings and your nonce; and what backends say of themselves.',
    description:
      'The report data is SHA-256 of `statement` (UTF-8) and then the nonce, 32 bytes each. Without a nonce one is made, and such a report is kept for five minutes. Other members are those of the backend, byte for byte.',
    parameters: (['Nonce', 'ReportAlgo', 'ReportModel', 'SigningAddress'] as const).map(parameter),
    responses: {
      200: {
        description: 'The report.',
        headers: headers(LIMIT_HEADERS),
        content: { 'application/json': { schema: REPORT, example: EXAMPLE } },
      },
    },
  })
}
