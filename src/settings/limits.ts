import { integer } from '../protocol/kinds.ts'
import type { Setting } from './setting.ts'

/** What callers may do, and how much the process takes on. */
export const limits = {
  RATE_LIMIT_RPM: {
    kind: integer(0, 1_000_000),
    default: '60',
    attested: false,
    what: 'Requests a minute that each caller may make; 0 sets no limit.',
    why: 'Operators, by what a caller may cost them.',
  },
  RATE_LIMIT_BURST: {
    kind: integer(1, 1_000_000),
    default: '10',
    attested: false,
    what: 'Requests that a caller may make at once before the rate counts.',
    why: 'Operators whose application opens with several requests together.',
  },
  TOKEN_LIMIT_DAY: {
    kind: integer(0, 1_000_000_000_000),
    default: '0',
    attested: false,
    what: 'Tokens, of prompt and answer, that each caller may use in a day (UTC); 0 sets no limit.',
    why: 'Operators, by what a caller may cost them.',
  },
  CONCURRENT_LIMIT: {
    kind: integer(0, 10_000),
    default: '8',
    attested: false,
    what: 'Requests that each caller may have open at once; 0 sets no limit.',
    why: 'Operators whose callers are servers, or whose application opens many streams together.',
  },
  MAX_IN_FLIGHT: {
    kind: integer(1, 1_000_000),
    default: '1000',
    attested: false,
    what: 'Requests that this process forwards at once; what comes beyond them is a 503.',
    why: 'Operators, by the memory of the machine: a stream holds about 40 KB.',
  },
  MAX_BODY_BYTES: {
    kind: integer(1, 1_099_511_627_776),
    default: '68157440',
    attested: false,
    what: 'The longest request body, in bytes: 64 MiB, what an enclave takes, and 1 MiB for the seal.',
    why: 'Operators who allow less, or whose enclave takes more.',
  },
  MAX_FILE_BYTES: {
    kind: integer(1, 1_099_511_627_776),
    default: '536870912',
    attested: false,
    what: 'The longest form that brings a file to OPENAI_BASE_URL, in bytes (512 MiB), in place of MAX_BODY_BYTES.',
    why: 'Operators who allow less, or whose backend keeps larger files.',
  },
  MAX_JSON_BYTES: {
    kind: integer(1, 1_073_741_824),
    default: '33554432',
    attested: false,
    what: 'The longest body that the gateway reads, in bytes (32 MiB): open ones, and then in memory.',
    why: 'Operators, by the memory of the machine.',
  },
} as const satisfies Readonly<Record<string, Setting>>
