import { readCommand } from './arguments.ts'
import { judge } from './config/judges.ts'
import { type Reading, readSetting } from './config/reading.ts'
import { readTee } from './config/tee.ts'
import { type Config, type Key, rows } from './settings.ts'

/** What a configuration is read from; nothing else is looked at. */
export interface Sources<K extends Key = Key> {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The command line without the program's name. */
  readonly argv: readonly string[]
  /** Gives a file's text, or throws. */
  readonly readFile: (path: string) => string
  /** Flags that Bun itself was given, where the program is an executable of its own. */
  readonly execArgv?: readonly string[]
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
  const { env, readFile, execArgv = [], only } = sources
  const keys = new Set<Key>(only ?? rows.flatMap(([key, { only }]) => (only ? [] : [key])))
  const undecided: Reading = { env, flags, readFile, execArgv, keys, dev: false, faults: [...faults], warnings: [] }

  // A DEV_MODE that cannot be read is a fault already: supposing it on spares the faults that would follow from it.
  const dev = readSetting('DEV_MODE', undecided) !== false
  const reading = { ...undecided, dev }
  const special: Partial<Record<Key, () => unknown>> = { DEV_MODE: () => dev, TEE: () => readTee(reading) }
  const values = [...keys].map(key => [key, (special[key] ?? (() => readSetting(key, reading)))()] as const)

  // The one cast: each row's kind reads what the table's types say, which the compiler cannot follow through a loop.
  const config = Object.freeze(Object.fromEntries(values)) as Config
  judge(config, reading)
  if (reading.faults.length > 0) throw new ConfigFaults(reading.faults)
  return { config, warnings: reading.warnings }
}
