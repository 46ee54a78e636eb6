import { readEvents } from '../tee/event-log.ts'
import { parseQuote } from '../tee/quote.ts'
import { eventOf } from './dstack.ts'
import { bytesOf, jsonTextOf, type Members, objectOf, textOf } from './members.ts'

/** What is left to the one who reads a verdict. */
export interface Claims {
  /** What a quote says was started: whether it ought to run, nobody but the reader knows. In hex, by name. */
  readonly measured: Readonly<Record<string, string>>
  /** What a gateway states of itself, its keys and its settings: quoted, if all checks pass. */
  readonly stated?: Members
  /** The members of a report that nothing signs. */
  readonly unsigned: readonly string[]
}

const MEASURED = ['mrTd', 'rtmr0', 'rtmr1', 'rtmr2'] as const
const EVENTS = ['compose-hash', 'app-id', 'os-image-hash'] as const

/** What a part of a report leaves to its reader; `signed` are the members that its checks look at. */
export function claims(part: Members, signed: ReadonlySet<string>): Claims {
  const quote = orNothing(() => parseQuote(bytesOf(part, 'intel_quote')).body)
  const events = orNothing(() => readEvents(jsonTextOf(part, 'event_log'))) ?? []
  const registers = MEASURED.map(name => [name.toUpperCase(), quote && hexOf(quote[name])] as const)
  const named = EVENTS.map(name => [name, orNothing(() => hexOf(eventOf(events, name)))] as const)
  const measured = [...registers, ...named].filter((pair): pair is readonly [string, string] => pair[1] !== undefined)
  const stated = orNothing(() => objectOf(textOf(part, 'statement'), 'the statement'))
  return {
    measured: Object.fromEntries(measured),
    ...(stated && { stated }),
    unsigned: Object.keys(part).filter(name => !signed.has(name)),
  }
}

/** What cannot be read is told by a check already. */
function orNothing<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
