import { parseArgs } from 'node:util'
import { fileOf, flagOf, rows } from './settings.ts'
import { declared, type Subcommand, subcommands } from './subcommands.ts'

/** What a command line asks for. */
type Command = 'serve' | '--help' | '--version' | Subcommand

/** A command line, read, and whatever is wrong with it. */
export interface Arguments {
  readonly command: Command
  /** Flags of settings by their names in the environment; a subcommand's own by their names. */
  readonly flags: ReadonlyMap<string, string>
  /** What a subcommand is given besides, in its order. */
  readonly operands: readonly string[]
  readonly faults: readonly string[]
}

/** What a flag gives: a name, and the text that it stands for when it has no value. */
interface Flag {
  readonly name: string
  readonly bare: string | undefined
}

type Flags = ReadonlyMap<string, Flag>

const ofSettings: Flags = new Map(
  rows.flatMap(([key, { kind, secret }]) =>
    (secret ? [key, fileOf(key)] : [key]).map(name => [flagOf(name), { name, bare: kind.bare }]),
  ),
)

/** What each subcommand takes that takes no settings. */
const ofSubcommands: ReadonlyMap<string, Flags> = new Map(
  Object.keys(subcommands).flatMap(name => {
    const { flags } = declared(name as Subcommand)
    if (!flags) return []
    const own = Object.entries(flags).map(
      ([flag, { value }]) => [`--${flag}`, { name: flag, bare: value === undefined ? 'true' : undefined }] as const,
    )
    return [[name, new Map(own)] as const]
  }),
)

// Which words are values is not known before the subcommand is: so a flag that two of them have is of one kind.
const options = Object.fromEntries(
  [ofSettings, ...ofSubcommands.values()].flatMap(flags =>
    [...flags].map(([flag, { bare }]) => [flag.slice(2), { type: bare ? 'boolean' : 'string' } as const]),
  ),
)

/**
 * Reads a command line (without the program's name). It never throws: faults come back in words. Of two equal flags
 * the last counts; `--help` goes before `--version`, and both before a subcommand.
 */
export function readCommand(argv: readonly string[]): Arguments {
  const { tokens } = parseArgs({
    args: [...argv],
    options: { ...options, help: { type: 'boolean', short: 'h' }, version: { type: 'boolean' } },
    strict: false,
    tokens: true,
  })
  const words = tokens.filter(token => token.kind === 'positional')
  const [first] = words
  const subcommand = first && isSubcommand(first.value) ? first.value : undefined
  const { operands: wanted = [] } = subcommand ? declared(subcommand) : {}
  const given = words.slice(subcommand ? 1 : 0)
  const { asked, flags, faults } = readFlags(
    tokens.filter(token => token.kind === 'option'),
    subcommand,
  )
  const command = (['--help', '--version'] as const).find(word => asked.has(word)) ?? subcommand ?? 'serve'
  return {
    command,
    flags,
    operands: given.slice(0, wanted.length).map(word => word.value),
    faults: [
      ...given.slice(wanted.length).map(word => stray(word.index)),
      ...faults,
      ...wanted.slice(given.length).map(name => `${subcommand} needs ${name}`),
    ],
  }
}

interface Option {
  readonly name: string
  readonly rawName: string
  readonly value: string | undefined
  readonly inlineValue: boolean | undefined
  readonly index: number
}

function readFlags(given: readonly Option[], subcommand: Subcommand | undefined) {
  const known = (subcommand && ofSubcommands.get(subcommand)) ?? ofSettings
  const asked = new Set<string>()
  const flags = new Map<string, string>()
  const faults = new Set<string>()
  for (const option of given) {
    const { name, rawName, value, index } = option
    const flag = known.get(rawName)
    if (name === 'help' || name === 'version') asked.add(`--${name}`)
    else if (!flag) faults.add(unknown(rawName, index, subcommand))
    else if (isMissing(flag, option)) faults.add(`${rawName} needs a value, as in ${rawName}=VALUE`)
    else flags.set(flag.name, value ?? flag.bare ?? '')
  }
  return { asked, flags, faults }
}

const isSubcommand = (word: string): word is Subcommand => Object.hasOwn(subcommands, word)

/** A value that stands apart and begins with a dash is far more often the next flag. */
function isMissing({ bare }: Flag, { value, inlineValue }: Option): boolean {
  return value === undefined ? bare === undefined : value === '' || (!inlineValue && value.startsWith('-'))
}

// What is not understood may be a secret gone astray, as in `--tinfoil-api-key:tk_1`. So of an unknown flag only what
// looks like a flag is shown, and of a stray argument only its place.
function unknown(rawName: string, index: number, subcommand: Subcommand | undefined): string {
  const name = /^--[a-z_-]{1,40}/i.exec(rawName)?.[0]
  const whose = subcommand && ofSubcommands.has(subcommand) ? `sealgate ${subcommand}` : 'sealgate'
  return name ? `${name}${name === rawName ? '' : '...'} is no flag of ${whose}` : stray(index)
}

const stray = (index: number): string =>
  `argument ${index + 1} is neither a flag, nor the value of one, nor a subcommand`
