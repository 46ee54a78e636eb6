import { parseArgs } from 'node:util'
import { fileOf, flagOf, rows } from './settings.ts'

/** The subcommands and what each does; without one the gateway serves. */
export const subcommands = {
  healthcheck: 'exit 0 if the gateway at HOST and PORT says it is well, else 1',
  rekey: 'put DATA_KEY, or the key of the TEE, in place of DATA_KEY_PREVIOUS',
} as const

type Subcommand = keyof typeof subcommands

/** What a command line asks for. */
type Command = 'serve' | 'help' | 'version' | Subcommand

/** A command line, read: its flags by their names in the environment, and whatever is wrong with it. */
export interface Arguments {
  readonly command: Command
  readonly flags: ReadonlyMap<string, string>
  readonly faults: readonly string[]
}

/** What a flag gives: a name in the environment, and the text that it stands for when it has no value. */
interface Flag {
  readonly name: string
  readonly bare: string | undefined
}

const known: ReadonlyMap<string, Flag> = new Map(
  rows.flatMap(([key, { kind, secret }]) =>
    (secret ? [key, fileOf(key)] : [key]).map(name => [flagOf(name), { name, bare: kind.bare }]),
  ),
)

const options = Object.fromEntries(
  [...known].map(([flag, { bare }]) => [flag.slice(2), { type: bare ? 'boolean' : 'string' } as const]),
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
  const faults = new Set(words.slice(subcommand ? 1 : 0).map(word => stray(word.index)))
  const asked = new Set<string>()
  const flags = new Map<string, string>()
  for (const token of tokens.filter(token => token.kind === 'option')) {
    const { name, rawName, value, index } = token
    const flag = known.get(rawName)
    if (name === 'help' || name === 'version') asked.add(name)
    else if (!flag) faults.add(unknown(rawName, index))
    else if (isMissing(flag, token)) faults.add(`${rawName} needs a value, as in ${rawName}=VALUE`)
    else flags.set(flag.name, value ?? flag.bare ?? '')
  }
  const command = (['help', 'version'] as const).find(word => asked.has(word)) ?? subcommand ?? 'serve'
  return { command, flags, faults: [...faults] }
}

const isSubcommand = (word: string): word is Subcommand => Object.hasOwn(subcommands, word)

/** A value that stands apart and begins with a dash is far more often the next flag. */
function isMissing({ bare }: Flag, token: { value: string | undefined; inlineValue: boolean | undefined }): boolean {
  const { value, inlineValue } = token
  return value === undefined ? bare === undefined : value === '' || (!inlineValue && value.startsWith('-'))
}

// What is not understood may be a secret gone astray, as in `--tinfoil-api-key:tk_1`. So of an unknown flag only what
// looks like a flag is shown, and of a stray argument only its place.
function unknown(rawName: string, index: number): string {
  const name = /^--[a-z_-]{1,40}/i.exec(rawName)?.[0]
  return name ? `${name}${name === rawName ? '' : '...'} is no flag of sealgate` : stray(index)
}

const stray = (index: number): string =>
  `argument ${index + 1} is neither a flag, nor the value of one, nor a subcommand`
