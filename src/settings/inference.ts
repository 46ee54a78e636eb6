import { baseUrl, boolean, hostPatterns, integer } from '../protocol/kinds.ts'
import type { Setting } from './setting.ts'

/** Where inference is, and what may go there. */
export const inference = {
  TINFOIL_BASE_URL: {
    kind: baseUrl,
    default: 'https://inference.tinfoil.sh',
    attested: true,
    what: 'Where inference is reached; plain http on loopback only, anywhere in dev mode. A path prefix is kept.',
    why: 'Operators with an enclave or a verifying proxy of their own, and tests.',
  },
  TINFOIL_ENCLAVE_HOSTS: {
    kind: hostPatterns,
    default: 'inference.tinfoil.sh, *.inference.tinfoil.sh, router-*.tinfoil.dev, router.inf*.tinfoil.sh',
    attested: true,
    what: 'Hosts that a client may name as its enclave, and that the key may follow it to; `*` stands inside one label.',
    why: 'Operators, when Tinfoil names its routers otherwise; too wide a pattern gives the key away.',
  },
  TINFOIL_ATC_URL: {
    kind: baseUrl,
    default: 'https://atc.tinfoil.sh',
    attested: true,
    what: 'Where attestation bundles come from, relayed at `/attestation`.',
    why: 'Operators with a mirror of their own, and tests.',
  },
  ALLOW_PLAINTEXT: {
    kind: boolean,
    default: 'false',
    dev: 'true',
    attested: true,
    what: 'Let bodies go up unsealed, to OPENAI_BASE_URL where there is one: whoever runs the gateway could read them.',
    why: 'Operators whose clients cannot seal yet.',
  },
  UPSTREAM_HEADER_SECONDS: {
    kind: integer(1, 86_400),
    default: '600',
    attested: false,
    what: 'How long an answer may take to begin, counted from the end of the request, before it is a 504.',
    why: 'Operators whose models think longer, or whose callers will not wait that long.',
  },
} as const satisfies Readonly<Record<string, Setting>>
