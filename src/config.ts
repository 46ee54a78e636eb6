import { readCommand } from './arguments.ts'
import { baseUrl, quoted, travelsInTheClear } from './protocol/kinds.ts'
import { Secret } from './protocol/secret.ts'
import type { Setting } from './settings/setting.ts'
import { type Config, fileOf, flagOf, type Key, rows, settings } from './settings.ts'

/** What a configuration is read from; nothing else is looked at. */
export interface Sources<K extends Key = Key> {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The command line without the program's name. */
  readonly argv: readonly string[]
  /** Gives a file's text, or throws. */
  readonly readFile: (path: string) => string
  /** The settings that the caller needs, when it is a subcommand: no other is read or required. */
  readonly only?: readonly K[]
}

/** Every fault of a configuration at once. None holds the value of a secret. */
export class ConfigFaults extends Error {
  override readonly name = 'ConfigFaults'
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(describeFaults(faults))
    this.faults = faults
  }
}

/** One message that lists every fault, one a line. */
export function describeFaults(faults: readonly string[]): string {
  const count = faults.length === 1 ? 'one fault' : `${faults.length} faults`
  return [`The configuration has ${count} (--help lists every setting):`, ...faults].join('\n  ')
}

/**
 * Reads the settings from flags (which win) and the environment into one frozen object, or throws
 * {@link ConfigFaults}. Warnings are for the log, and hold no secret either.
 */
export function readConfig<K extends Key = Key>(
  sources: Sources<K>,
): { config: Pick<Config, K>; warnings: readonly string[] } {
  const { flags, faults } = readCommand(sources.argv)
  const reading: Reading = { ...sources, flags, faults: [...faults], warnings: [] }
  const keys = new Set<Key>(sources.only ?? rows.flatMap(([key, { only }]) => (only ? [] : [key])))

  // A DEV_MODE that cannot be read is a fault already: supposing it on spares the faults that would follow from it.
  const dev = readSetting('DEV_MODE', reading, false) !== false
  const values = [...keys].map(key => [key, key === 'DEV_MODE' ? dev : readSetting(key, reading, dev)] as const)

  // The one cast: each row's kind reads what the table's types say, which the compiler cannot follow through a loop.
  const config = Object.freeze(Object.fromEntries(values)) as Config
  if (!dev) judgeUpstream(config, reading)
  judgeKeySet(config, reading, dev)
  judgeDatabase(config, reading, keys)
  judgeSessions(config, reading)
  if (dev) judgeDevMode(config, reading)
  if (!dev && keys.has('ISSUER') && keys.has('AUDIENCES')) judgeClaims(config, reading)
  if (reading.faults.length > 0) throw new ConfigFaults(reading.faults)
  return { config, warnings: reading.warnings }
}

/** A configuration being read: where it comes from, and what was found so far. */
interface Reading extends Omit<Sources, 'argv' | 'only'> {
  readonly flags: ReadonlyMap<string, string>
  readonly faults: string[]
  readonly warnings: string[]
}

/** A text and where it stood, so that a fault points at what the operator wrote. */
interface Given {
  readonly place: string
  readonly text: string
}

/** Ends the reading of one setting; its message becomes a line of {@link ConfigFaults}. */
class Fault extends Error {}

function readSetting(key: Key, reading: Reading, dev: boolean): unknown {
  try {
    const setting: Setting = settings[key]
    if (setting.secret) return readSecret(key, setting, reading, dev)
    const given = find(key, reading)
    return given ? understand(setting, given) : absent(key, setting, reading, dev)
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault
    reading.faults.push(fault.message)
    return undefined
  }
}

function find(name: string, { flags, env }: Reading): Given | undefined {
  const flag = flags.get(name)
  if (flag !== undefined) return { place: flagOf(name), text: flag }
  // An empty variable counts as unset: compose files and CI write them so.
  const text = env[name]
  return text ? { place: name, text } : undefined
}

function understand({ kind, secret }: Setting, { place, text }: Given): unknown {
  const value = kind.read(text)
  if (value === undefined) throw new Fault(`${secret ? place : `${place}: ${quoted(text)}`} is not ${kind.expects}`)
  return value
}

function absent(key: Key, setting: Setting, reading: Reading, dev: boolean): unknown {
  const { requiredOr } = setting
  if (requiredOr && !dev && !find(requiredOr, reading)) {
    throw new Fault(`${key} is required (or ${requiredOr}; --dev-mode needs neither)`)
  }
  const text = (dev ? setting.dev : undefined) ?? setting.default
  return text === undefined ? undefined : setting.kind.read(text)
}

function readSecret(key: Key, setting: Setting, reading: Reading, dev: boolean): unknown {
  const direct = find(key, reading)
  const file = find(fileOf(key), reading)
  if (direct && file) throw new Fault(`${direct.place} and ${file.place} are both given: drop one`)
  if (direct?.place === flagOf(key)) {
    reading.warnings.push(`${direct.place} shows a secret to whoever lists processes: use ${key} or ${fileOf(key)}`)
  }
  const given = file ? content(file, reading) : direct
  if (!given) return absent(key, setting, reading, dev)
  understand(setting, given)
  return new Secret(given.text)
}

function content({ place, text: path }: Given, { readFile }: Reading): Given {
  let text: string
  try {
    text = readFile(path).replace(/\r?\n$/, '')
  } catch (error) {
    // Neither the path nor the error's message is shown: some put the secret itself where its file's name belongs.
    const code = error instanceof Error && 'code' in error ? ` (${error.code})` : ''
    throw new Fault(`${place} names a file that cannot be read${code}`)
  }
  if (text === '') throw new Fault(`${place} names an empty file`)
  return { place: `the content of ${place}`, text }
}

function judgeUpstream({ TINFOIL_BASE_URL: address }: Partial<Config>, { faults }: Reading): void {
  if (address && travelsInTheClear(address)) {
    faults.push(
      `TINFOIL_BASE_URL: ${quoted(address)} would send the key in the clear: use https (http is for loopback)`,
    )
  }
}

function judgeDevMode({ TINFOIL_API_KEY, ALLOW_PLAINTEXT }: Partial<Config>, { warnings }: Reading): void {
  if (TINFOIL_API_KEY && ALLOW_PLAINTEXT) {
    warnings.push('Dev mode lets unsealed bodies go to the real enclave: set ALLOW_PLAINTEXT=false to refuse them')
  }
}

function judgeKeySet({ JWKS_URL, ISSUER }: Partial<Config>, reading: Reading, dev: boolean): void {
  const discovered = dev || find('JWKS_URL', reading) ? undefined : ISSUER
  if (discovered && baseUrl.read(discovered) === undefined) {
    reading.faults.push(`ISSUER: ${quoted(discovered)} is not ${baseUrl.expects}, so it names no keys: set JWKS_URL`)
    return
  }
  const address = JWKS_URL ?? discovered
  if (address && travelsInTheClear(address)) {
    const name = JWKS_URL ? 'JWKS_URL' : 'ISSUER'
    reading.warnings.push(`${name} is plain http: whoever sits on the way can sign in as anyone. Use https`)
  }
}

function judgeDatabase({ DATABASE_URL = '' }: Partial<Config>, reading: Reading, keys: ReadonlySet<Key>): void {
  if (!DATABASE_URL.startsWith('postgres')) return
  if (keys.has('DATA_KEY') && !find('DATA_KEY', reading) && !find(fileOf('DATA_KEY'), reading)) {
    reading.faults.push('DATA_KEY is required with PostgreSQL: make one with `openssl rand -hex 32`, and keep a copy')
  }
  if (reading.flags.has('DATABASE_URL') && new URL(DATABASE_URL).password) {
    reading.warnings.push('--database-url shows a password to whoever lists processes: use DATABASE_URL')
  }
}

function judgeSessions({ SESSION_DAYS: idle, SESSION_MAX_DAYS: most }: Partial<Config>, { faults }: Reading): void {
  if (idle !== undefined && most !== undefined && idle > most)
    faults.push(`SESSION_DAYS: ${idle} is more than SESSION_MAX_DAYS, ${most}: lower it, or raise SESSION_MAX_DAYS`)
}

function judgeClaims({ ISSUER, AUDIENCES }: Partial<Config>, { warnings }: Reading): void {
  if (ISSUER === undefined && AUDIENCES === undefined) {
    warnings.push('Neither ISSUER nor AUDIENCES is set: any token of the key set passes, whoever it was meant for')
  }
}
