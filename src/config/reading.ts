import { quoted } from '../protocol/kinds.ts'
import { Secret } from '../protocol/secret.ts'
import type { Setting } from '../settings/setting.ts'
import { fileOf, flagOf, type Key, namesOf, settings } from '../settings.ts'

/** A configuration being read: where it comes from, and what was found so far. */
export interface Reading {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly flags: ReadonlyMap<string, string>
  /** Gives a file's text, or throws. */
  readonly readFile: (path: string) => string
  /** The settings that are read: no other is judged. */
  readonly keys: ReadonlySet<Key>
  readonly dev: boolean
  readonly faults: string[]
  readonly warnings: string[]
  /** Flags that Bun itself was given. */
  readonly execArgv: readonly string[]
}

/** A text and where it stood, so that a fault points at what the operator wrote. */
interface Given {
  readonly place: string
  readonly text: string
}

/** Ends the reading of one setting; its message becomes a line of the faults. */
class Fault extends Error {}

/** The value of one setting; where it cannot be had, a fault is noted and it is `undefined`. */
export function readSetting(key: Key, reading: Reading): unknown {
  try {
    const setting: Setting = settings[key]
    if (setting.secret) return readSecret(key, setting, reading)
    const given = findEither(key, setting, reading)
    return given ? understand(setting, given) : absent(key, setting, reading)
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault
    reading.faults.push(fault.message)
    return undefined
  }
}

/** Whether a setting was given, under whichever of its names, and understood or not. */
export function isGiven(key: Key, reading: Reading): boolean {
  return namesOf(key, settings[key]).some(name => find(name, reading))
}

function find(name: string, { flags, env }: Reading): Given | undefined {
  const flag = flags.get(name)
  if (flag !== undefined) return { place: flagOf(name), text: flag }
  // An empty variable counts as unset: compose files and CI write them so.
  const text = env[name]
  return text ? { place: name, text } : undefined
}

/** What was given under a setting's name or, in the environment, under its older one. */
function findEither(key: Key, { older }: Setting, reading: Reading): Given | undefined {
  const given = find(key, reading)
  const former = older === undefined ? undefined : find(older, reading)
  if (former && given?.place === key) {
    throw new Fault(`${key} and ${older} are both given, the second an older name of the first: drop ${older}`)
  }
  return given ?? former
}

function understand({ kind, secret }: Setting, { place, text }: Given): unknown {
  const value = kind.read(text)
  if (value === undefined) throw new Fault(`${secret ? place : `${place}: ${quoted(text)}`} is not ${kind.expects}`)
  return value
}

function absent(key: Key, setting: Setting, reading: Reading): unknown {
  const { requiredOr } = setting
  if (requiredOr && !reading.dev && !requiredOr.some(name => find(name, reading))) {
    throw new Fault(`${key} is required (or ${requiredOr.join(', ')}; --dev-mode does without)`)
  }
  const text = (reading.dev ? setting.dev : undefined) ?? setting.default
  return text === undefined ? undefined : setting.kind.read(text)
}

function readSecret(key: Key, setting: Setting, reading: Reading): unknown {
  const direct = find(key, reading)
  const file = find(fileOf(key), reading)
  if (direct && file) throw new Fault(`${direct.place} and ${file.place} are both given: drop one`)
  if (direct?.place === flagOf(key)) {
    reading.warnings.push(`${direct.place} shows a secret to whoever lists processes: use ${key} or ${fileOf(key)}`)
  }
  const given = file ? content(file, reading) : direct
  if (!given) return absent(key, setting, reading)
  return new Secret(String(understand(setting, given)))
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
