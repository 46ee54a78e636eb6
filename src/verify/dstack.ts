import { createHash } from 'node:crypto'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { differing, type LogEvent, readEvents } from '../tee/event-log.ts'
import { parseQuote } from '../tee/quote.ts'
import { type Check, check, sure, Untold } from './check.ts'

const RUNTIME_REGISTER = 3
/** What comes after it is the application's own to say. */
const LAST_OF_BOOT = 'system-ready'

interface Booted {
  readonly quote: () => Uint8Array
  /** JSON. */
  readonly eventLog: () => string
  /** The very text of `app-compose.json`. */
  readonly appCompose: () => string
  readonly expectedHash: string | undefined
}

/** What was booted on the hardware, as dstack has it measured. */
export function dstackChecks({ quote, eventLog, appCompose, expectedHash }: Booted): readonly Check[] {
  const body = () => parseQuote(quote()).body
  const events = () => readEvents(eventLog())
  const composeHash = () => sha256(appCompose())
  const checks = [
    check('event log', () => {
      const wrong = differing(parseQuote(quote()), events())
      sure(wrong.length === 0, `the event log does not lead to ${wrong.join(', ').toUpperCase()} of the quote`)
      return 'leads to all four registers of the quote'
    }),
    check('compose hash', () => {
      const measured = eventOf(events(), 'compose-hash')
      sure(composeHash().equals(measured), 'app_compose is not what was measured at the start')
      return `app_compose is what was measured at the start: ${hexOf(measured)}`
    }),
    check('MRCONFIGID', () => judgeConfigId(body().mrConfigId, appCompose(), events())),
  ]
  return expectedHash === undefined ? checks : [...checks, expectation(composeHash, expectedHash)]
}

function expectation(composeHash: () => Buffer, expected: string): Check {
  return check('expected compose hash', () => {
    const found = hexOf(composeHash())
    sure(found === expected.toLowerCase(), `another application runs there: ${found}`)
    return 'the application that you expect'
  })
}

/** The payload of an event of the start. One said twice is none: whoever reads may take either. */
export function eventOf(events: readonly LogEvent[], name: string): Buffer {
  const own = events.filter(({ imr }) => imr === RUNTIME_REGISTER)
  const end = own.findIndex(event => event.name === LAST_OF_BOOT)
  const found = own.slice(0, end < 0 ? own.length : end).filter(event => event.name === name)
  const [event] = found
  sure(event !== undefined, `the event log has no ${name} at the start`)
  sure(found.length === 1, `the event log has ${name} more than once`)
  return Buffer.from(event.payload)
}

/** dstack has the host name the application at the launch of the TD, in one of several versions. */
function judgeConfigId(id: Uint8Array, compose: string, events: readonly LogEvent[]): string {
  const [version = 0] = id
  if (version !== 1 && version !== 2) throw new Untold(`its version ${version} does not name an application`)
  const composeHash = sha256(compose)
  const named = version === 1 ? [composeHash] : secondVersions(composeHash, compose, events)
  const isOne = named.some(name => Buffer.concat([Buffer.of(version), name, Buffer.alloc(15)]).equals(id))
  sure(isOne, 'the TD was launched for another application')
  return 'the TD was launched for this application'
}

/** None, local, KMS, TPM. */
const PROVIDERS = [0, 1, 2, 3]

/** Each of them names this application; where its keys come from is not judged. */
function secondVersions(composeHash: Buffer, compose: string, events: readonly LogEvent[]): readonly Uint8Array[] {
  const appId = eventOf(events, 'app-id')
  const told = [JSON.parse(compose).key_provider_id, JSON.parse(eventOf(events, 'key-provider').toString()).id]
  const ids = ['', ...told.filter(id => typeof id === 'string')].map(id => Buffer.from(id, 'hex'))
  return PROVIDERS.flatMap(kind => ids.map(id => keccak_256(Buffer.concat([composeHash, appId, Buffer.of(kind), id]))))
}

const sha256 = (text: string) => createHash('sha256').update(text).digest()
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
