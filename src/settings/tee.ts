import { agentAddress, baseUrl, choice, path } from '../protocol/kinds.ts'
import type { Setting } from './setting.ts'

/** The TEE that it runs in, and TLS, where that ends here. */
export const tee = {
  TEE: {
    kind: choice('auto', 'dstack', 'simulated', 'none'),
    default: 'auto',
    dev: 'simulated',
    attested: true,
    what: 'Whose quotes prove which gateway answers: `dstack` (also if DEV_MODE=false is said), `none`, or `auto`: dstack, if there.',
    why: 'Operators in a TEE, who say `dstack` so that nothing starts outside; `simulated` is for dev mode.',
  },
  DSTACK_SIMULATOR_ENDPOINT: {
    kind: agentAddress,
    unset: 'a stand-in of its own',
    attested: true,
    what: 'The guest agent in dev mode, a path or an http URL; nowhere else is it heeded: whoever sets it could give keys.',
    why: 'Developers who have the simulator of dstack.',
  },
  PCCS_URL: {
    kind: baseUrl,
    unset: 'nobody is asked',
    attested: false,
    what: 'Where to fetch, once a day, what Intel publishes about this machine: reports hand it on, so that clients need ask nobody.',
    why: 'Operators in a TEE: `https://api.trustedservices.intel.com`, or a service that caches it.',
  },
  TLS: {
    kind: choice('off', 'dstack'),
    default: 'off',
    attested: true,
    what: 'Where TLS ends: `off` before the gateway, unless TLS_CERT_FILE is given; `dstack` in it, by a key of the guest agent.',
    why: 'Operators in a TEE, whose clients shall see that nothing reads along in front of it.',
  },
  TLS_CERT_FILE: {
    kind: path,
    unset: 'no TLS, unless by TLS',
    attested: false,
    what: 'The certificate chain in PEM, its own first: TLS ends in the gateway. Read anew when it changes.',
    why: 'Operators with a certificate of their own.',
  },
  TLS_KEY_FILE: {
    kind: path,
    unset: 'no TLS, unless by TLS',
    attested: false,
    what: 'The private key of TLS_CERT_FILE, in PEM. Read anew when it changes.',
    why: 'Operators with a certificate of their own.',
  },
  TLS_MIN_VERSION: {
    kind: choice('1.2', '1.3'),
    default: '1.3',
    attested: true,
    what: 'The oldest version of TLS that is spoken.',
    why: 'Operators whose clients are older than 2018.',
  },
} as const satisfies Readonly<Record<string, Setting>>
