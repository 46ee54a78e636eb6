/** A flag of a subcommand's own. */
export interface OwnFlag {
  /** What its value is called; absent where it stands alone. */
  readonly value?: string
  readonly what: string
}

interface Declared {
  /** Nothing for what no person calls. */
  readonly what?: string
  /** What it must be given besides flags, by the names that `--help` has for them. */
  readonly operands?: readonly string[]
  /** Flags in place of the settings: it reads no setting, and no environment. */
  readonly flags?: Readonly<Record<string, OwnFlag>>
}

/** The subcommands: what each does and takes; without one the gateway serves. */
export const subcommands = {
  worker: {},
  version: {
    what: 'print version and commit, and the SHA-256 of this executable',
    flags: { json: { what: 'print JSON' } },
  },
  healthcheck: { what: 'exit 0 if the gateway at HOST and PORT says it is well, else 1' },
  status: { what: 'show how the gateway that serves metrics at METRICS_ADDR fares; exit 1 if none answers' },
  rekey: { what: 'put DATA_KEY, or the key of the TEE, in place of DATA_KEY_PREVIOUS' },
  verify: {
    what: 'prove which gateway answers at URL: exit 0 if so, 1 if not, 2 if unknown',
    operands: ['URL'],
    flags: {
      nonce: { value: 'HEX', what: 'the nonce to ask with, 64 hex digits; without it a fresh one' },
      manifest: { value: 'FILE', what: 'the manifest.json of the release that must run there' },
      'expect-compose-hash': { value: 'HEX', what: 'the SHA-256 of the app-compose.json that must run there' },
      'expect-keyset': { value: 'FILE', what: 'JSON: the keys that must be stated, or those of them that matter' },
      'expect-settings': { value: 'FILE', what: 'JSON: the settings that must be stated, or those that matter' },
      collateral: { value: 'FILE', what: 'JSON: what Intel publishes to judge quotes by' },
      pccs: { value: 'URL', what: 'where to fetch that, as from https://api.trustedservices.intel.com' },
      at: { value: 'TIME', what: 'judge as of this time, as in 2026-03-01T00:00:00Z; without it now' },
      json: { what: 'print JSON' },
    },
  },
  'verify-receipt': {
    what: 'hold a receipt against a report: exit 0 if all of it holds, 1 if not, 2 if unknown',
    operands: ['FILE'],
    flags: {
      report: { value: 'FILE', what: 'the answer of GET /v1/attestation/report, which `verify` proves; required' },
      request: { value: 'FILE', what: 'the body that was sent, byte for byte; sealed if it was' },
      response: { value: 'FILE', what: 'the body that came, byte for byte; sealed if it was' },
      json: { what: 'print JSON' },
    },
  },
} as const satisfies Readonly<Record<string, Declared>>

export type Subcommand = keyof typeof subcommands

/** What a subcommand takes; where it declares nothing of its own, the settings. */
export const declared = (subcommand: Subcommand): Declared => subcommands[subcommand]
