import {
  baseUrl,
  boolean,
  choice,
  database,
  headerToken,
  hexKey,
  host,
  hostPatterns,
  integer,
  type Kind,
  list,
  networks,
  origins,
  text,
  url,
} from './protocol/kinds.ts'
import type { Secret } from './protocol/secret.ts'

/** One row of the table. Of `default`, `unset` and `requiredOr` it has exactly one. */
export interface Setting {
  readonly kind: Kind<unknown>
  /** What holds when nothing is given, written as an operator would write it. */
  readonly default?: string
  /** What holds instead of `default` in dev mode. */
  readonly dev?: string
  /** What it means, in a few words, that nothing is given. */
  readonly unset?: string
  /** Outside dev mode either this setting or the one named here must be given. */
  readonly requiredOr?: string
  /** Read into a {@link Secret}, shown nowhere, and also taken from the file that `NAME_FILE` names. */
  readonly secret?: true
  /** The one subcommand that reads it: nothing else does. */
  readonly only?: 'rekey'
  /** What it does. */
  readonly what: string
  /** Who changes it, and why a constant will not do. */
  readonly why: string
}

/** The one table of settings, in the order in which an operator meets them. */
export const settings = {
  TINFOIL_API_KEY: {
    kind: headerToken,
    secret: true,
    requiredOr: 'TINFOIL_API_KEY_FILE',
    what: 'The key that pays for inference: it replaces the token of the caller on the way up.',
    why: 'Every operator has their own.',
  },
  JWKS_URL: {
    kind: url,
    requiredOr: 'ISSUER',
    what: 'Where the public keys that sign the tokens of callers are published.',
    why: 'Every operator: it names the sign-in service that is trusted.',
  },
  ISSUER: {
    kind: text,
    unset: 'any issuer',
    what: 'The `iss` that a token must carry, compared exactly; without JWKS_URL its discovery document names the keys.',
    why: 'Every operator: one key set may sign for several issuers.',
  },
  AUDIENCES: {
    kind: list,
    unset: 'any audience',
    what: 'The `aud` values that are accepted, between commas; a token must carry one of them.',
    why: 'Every operator: a token meant for another application must not pass here.',
  },
  HOST: {
    kind: host,
    default: '0.0.0.0',
    dev: '127.0.0.1',
    what: 'The address to listen on.',
    why: 'Operators behind a proxy on the same machine, who want loopback only, or those on IPv6.',
  },
  PORT: {
    kind: integer(0, 65_535),
    default: '5381',
    what: 'The port to listen on; 0 takes any free one.',
    why: 'Operators whose platform assigns the port, and tests.',
  },
  DATABASE_URL: {
    kind: database,
    default: 'sqlite:sealgate.db',
    dev: 'sqlite::memory:',
    what: 'Where the state lives: `sqlite:FILE`, `sqlite::memory:` or `postgres://USER:PASSWORD@HOST/DATABASE`.',
    why: 'Operators: only they know which disk lasts, and who runs several machines.',
  },
  DATA_KEY: {
    kind: hexKey,
    secret: true,
    unset: 'made at the first start; with PostgreSQL it is required',
    what: 'The root of every key at rest, 32 bytes in hex; one made here is kept in `<database>.key`.',
    why: 'Operators who keep keys apart from disks, or run several machines.',
  },
  DATA_KEY_PREVIOUS: {
    kind: hexKey,
    secret: true,
    only: 'rekey',
    unset: 'the key beside the database',
    what: 'The root that `sealgate rekey` replaces by DATA_KEY, 32 bytes in hex; nothing else reads it.',
    why: 'Operators who replace DATA_KEY, and only until that is done.',
  },
  IDENTITY_HASH_KEY: {
    kind: hexKey,
    secret: true,
    unset: 'derived from DATA_KEY',
    what: 'The key under which callers become opaque owner ids, 32 bytes in hex.',
    why: 'Operators whose other databases know callers by the same ids; to replace DATA_KEY use `sealgate rekey`.',
  },
  SESSION_DAYS: {
    kind: integer(1, 3650),
    default: '30',
    what: 'Days after which a session that nobody uses ends; each day of use renews it.',
    why: 'Operators, by how long a lost device may stay signed in.',
  },
  SESSION_MAX_DAYS: {
    kind: integer(1, 3650),
    default: '90',
    what: 'Days after its sign-in when a session ends, however much it is used.',
    why: 'Operators whose rules ask for a new sign-in now and then.',
  },
  RATE_LIMIT_RPM: {
    kind: integer(0, 1_000_000),
    default: '60',
    what: 'Requests a minute that each caller may make; 0 sets no limit.',
    why: 'Operators, by what a caller may cost them.',
  },
  RATE_LIMIT_BURST: {
    kind: integer(1, 1_000_000),
    default: '10',
    what: 'Requests that a caller may make at once before the rate counts.',
    why: 'Operators whose application opens with several requests together.',
  },
  TOKEN_LIMIT_DAY: {
    kind: integer(0, 1_000_000_000_000),
    default: '0',
    what: 'Tokens, of prompt and answer, that each caller may use in a day (UTC); 0 sets no limit.',
    why: 'Operators, by what a caller may cost them.',
  },
  CONCURRENT_LIMIT: {
    kind: integer(0, 10_000),
    default: '8',
    what: 'Requests that each caller may have open at once; 0 sets no limit.',
    why: 'Operators whose callers are servers, or whose application opens many streams together.',
  },
  MAX_IN_FLIGHT: {
    kind: integer(1, 1_000_000),
    default: '1000',
    what: 'Requests that this process forwards at once; what comes beyond them is a 503.',
    why: 'Operators, by the memory of the machine: a stream holds about 40 KB.',
  },
  MAX_BODY_BYTES: {
    kind: integer(1, 1_099_511_627_776),
    default: '68157440',
    what: 'The longest request body, in bytes: 64 MiB, what an enclave takes, and 1 MiB for the seal.',
    why: 'Operators who allow less, or whose enclave takes more.',
  },
  MAX_JSON_BYTES: {
    kind: integer(1, 1_073_741_824),
    default: '33554432',
    what: 'The longest body that the gateway reads, in bytes (32 MiB): open ones, and then in memory.',
    why: 'Operators, by the memory of the machine.',
  },
  TINFOIL_BASE_URL: {
    kind: baseUrl,
    default: 'https://inference.tinfoil.sh',
    what: 'Where inference is reached; plain http on loopback only, anywhere in dev mode. A path prefix is kept.',
    why: 'Operators with an enclave or a verifying proxy of their own, and tests.',
  },
  TINFOIL_ENCLAVE_HOSTS: {
    kind: hostPatterns,
    default: 'inference.tinfoil.sh, *.inference.tinfoil.sh, router-*.tinfoil.dev, router.inf*.tinfoil.sh',
    what: 'Hosts that a client may name as its enclave, and that the key may follow it to; `*` stands inside one label.',
    why: 'Operators, when Tinfoil names its routers otherwise; too wide a pattern gives the key away.',
  },
  TINFOIL_ATC_URL: {
    kind: baseUrl,
    default: 'https://atc.tinfoil.sh',
    what: 'Where attestation bundles come from, relayed at `/attestation`.',
    why: 'Operators with a mirror of their own, and tests.',
  },
  ALLOW_PLAINTEXT: {
    kind: boolean,
    default: 'false',
    dev: 'true',
    what: 'Let bodies go to the enclave unsealed: whoever runs the gateway could read them.',
    why: 'Operators whose clients cannot seal yet.',
  },
  CORS_ALLOWED_ORIGINS: {
    kind: origins,
    unset: 'no other origin',
    what: 'Origins whose pages may call, between commas; `https://*.example.com` is each direct subdomain.',
    why: 'Every operator with a front end on another origin.',
  },
  TRUSTED_PROXIES: {
    kind: networks,
    unset: 'none',
    what: 'Networks of the proxies in front, as CIDR between commas: their `X-Forwarded-For` tells who calls.',
    why: 'Operators behind a load balancer: else all callers share its limit on public routes.',
  },
  UPSTREAM_HEADER_SECONDS: {
    kind: integer(1, 86_400),
    default: '600',
    what: 'How long an answer may take to begin, counted from the end of the request, before it is a 504.',
    why: 'Operators whose models think longer, or whose callers will not wait that long.',
  },
  DRAIN_SECONDS: {
    kind: integer(0, 86_400),
    default: '30',
    what: 'How long running streams may go on after SIGTERM before they are cut.',
    why: 'Operators: it has to end before the platform kills the process.',
  },
  LOG_FORMAT: {
    kind: choice('text', 'json'),
    default: 'text',
    what: 'How log lines are written: `text` for eyes, `json` for machines.',
    why: 'Operators who collect logs by machine.',
  },
  LOG_LEVEL: {
    kind: choice('debug', 'info', 'warn', 'error'),
    default: 'info',
    what: 'The least severe lines that are logged: `debug`, `info`, `warn` or `error`.',
    why: 'Operators who look for a fault, or who want fewer lines.',
  },
  DOCS: {
    kind: boolean,
    default: 'true',
    what: 'Serve the documentation at `/docs`, and as OpenAPI at `/api-docs/openapi.json`.',
    why: 'Operators who show nobody what there is to call.',
  },
  DEV_MODE: {
    kind: boolean,
    default: 'false',
    what: 'Try it with nothing to sign up for: keys that vanish, a printed token, and without TINFOIL_API_KEY a stand-in enclave.',
    why: 'Developers; never where real users are.',
  },
} as const satisfies Readonly<Record<string, Setting>>

/** The name of a setting, as the environment spells it. */
export type Key = keyof typeof settings

type Read<S extends Setting> = S extends { secret: true } ? Secret : S['kind'] extends Kind<infer T> ? T : never
type Sure<S extends Setting> = S extends { default: string } ? never : undefined

/** Every setting with the type that its row gives it: a secret as a {@link Secret}, one without a default as optional. */
export type Config = { readonly [K in Key]: Read<(typeof settings)[K]> | Sure<(typeof settings)[K]> }

/** The rows of the table, in order. */
export const rows = Object.entries(settings) as readonly (readonly [Key, Setting])[]

/** The flag of a name in the environment: `RATE_LIMIT_RPM` is `--rate-limit-rpm`. */
export const flagOf = (name: string): string => `--${name.toLowerCase().replaceAll('_', '-')}`

/** The name under which the path of a file that holds a secret is given. */
export const fileOf = (name: string): string => `${name}_FILE`

/** What holds when a setting is not given, in a few words; `code` marks what is meant literally. */
export function defaultText(setting: Setting, code: (text: string) => string = text => text): string {
  if (setting.requiredOr) return `required outside dev mode (or ${code(setting.requiredOr)})`
  if (setting.default === undefined) return setting.unset ?? 'none'
  return setting.dev ? `${code(setting.default)} (dev mode: ${code(setting.dev)})` : code(setting.default)
}
