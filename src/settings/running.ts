import { boolean, choice, integer, list, listenAddress } from '../protocol/kinds.ts'
import type { Setting } from './setting.ts'

/** How the program runs. */
export const running = {
  DRAIN_SECONDS: {
    kind: integer(0, 86_400),
    default: '30',
    attested: false,
    what: 'How long running streams may go on after SIGTERM before they are cut.',
    why: 'Operators: it has to end before the platform kills the process.',
  },
  WORKERS: {
    kind: integer(1, 256),
    default: '1',
    attested: false,
    what: 'Processes that serve on the one port, each with a core of its own; one more watches over them.',
    why: 'Operators whose one core is full: PostgreSQL suits several best.',
  },
  LOG_FORMAT: {
    kind: choice('text', 'json'),
    default: 'text',
    attested: false,
    what: 'How log lines are written: `text` for eyes, `json` for machines.',
    why: 'Operators who collect logs by machine.',
  },
  LOG_LEVEL: {
    kind: choice('debug', 'info', 'warn', 'error'),
    default: 'info',
    attested: false,
    what: 'The least severe lines that are logged: `debug`, `info`, `warn` or `error`.',
    why: 'Operators who look for a fault, or who want fewer lines.',
  },
  METRICS_ADDR: {
    kind: listenAddress,
    unset: '127.0.0.1:9464, or none where that is in use',
    attested: false,
    what: 'Where metrics are served at `/metrics`, for Prometheus and `sealgate status`; `off` for none.',
    why: 'Operators whose Prometheus runs elsewhere, or with several gateways on one machine: whoever reaches it may read.',
  },
  DOCS: {
    kind: boolean,
    default: 'true',
    attested: false,
    what: 'Serve the documentation at `/docs`, and as OpenAPI at `/api-docs/openapi.json`.',
    why: 'Operators who show nobody what there is to call.',
  },
  ALLOW_ENV: {
    kind: list,
    unset: 'none',
    attested: true,
    what: 'Variables, between commas, that may be set although they could bend the program and so stop a start.',
    why: 'Operators whose platform sets one that they cannot unset.',
  },
  DEV_MODE: {
    kind: boolean,
    older: 'DEV',
    default: 'false',
    attested: true,
    what: 'Try it with nothing to sign up for: keys that vanish, a printed token, and stand-ins if no real backend is given.',
    why: 'Developers; never where real users are.',
  },
} as const satisfies Readonly<Record<string, Setting>>
