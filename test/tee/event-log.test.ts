import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { agent } from '../../src/tee/agent.ts'
import { differing, digestOf, readEvents, replay } from '../../src/tee/event-log.ts'
import { Malformed } from '../../src/tee/malformed.ts'
import { parseQuote, type Quote } from '../../src/tee/quote.ts'
import { type RecordedQuote, withRecordedQuote } from '../kit/tdx.ts'

type Told = Record<string, unknown>

const RUNTIME = 0x0800_0001
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const sha384 = (...parts: (string | Uint8Array)[]) => {
  const hash = createHash('sha384')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** What comes of a log: the registers that differ, or that it is refused. */
function outcome(quote: Quote, log: readonly Told[]): readonly string[] {
  try {
    return differing(quote, readEvents(JSON.stringify(log)))
  } catch (error) {
    if (error instanceof Malformed) return ['refused']
    throw error
  }
}

/** Every value that one flipped bit makes of another, a bit of each byte or letter in turn. */
function* flips(value: unknown, isHex: boolean): Generator<unknown> {
  if (typeof value === 'number') for (let bit = 0; bit < 32; bit++) yield (value ^ (1 << bit)) >>> 0
  else if (isHex) {
    const bytes = Buffer.from(String(value), 'hex')
    for (const [at, byte] of bytes.entries()) {
      const copy = Buffer.from(bytes)
      copy[at] = byte ^ (1 << (at % 8))
      yield copy.toString('hex')
    }
  } else {
    const text = String(value)
    for (let at = 0; at < text.length; at++)
      yield text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << (at % 7))) + text.slice(at + 1)
  }
}

/** What comes of each flip of a field of each event that is chosen. */
function flipped({ quote, event_log }: RecordedQuote, field: string, of: (event: Told) => boolean) {
  const parsed = parseQuote(Buffer.from(quote, 'hex'))
  const log = JSON.parse(event_log) as Told[]
  const outcomes: (readonly string[])[] = []
  for (const [index, event] of log.entries()) {
    if (!of(event)) continue
    const value = field === 'version' ? 1 : event[field]
    for (const other of flips(value, field === 'digest' || field === 'event_payload'))
      outcomes.push(outcome(parsed, log.with(index, { ...event, [field]: other })))
  }
  return outcomes
}

const isRuntime = ({ imr }: Told) => imr === 3
const isBoot = ({ imr }: Told) => imr !== 3

describe('the log of a real machine', () => {
  withRecordedQuote('leads to all four registers', ({ quote, event_log }) => {
    expect(differing(parseQuote(Buffer.from(quote, 'hex')), readEvents(event_log))).toEqual([])
  })

  for (const [register, covered] of [
    ['RTMR0 to 2', ['imr', 'digest']],
    ['RTMR3', ['imr', 'event_type', 'event', 'event_payload', 'version']],
  ] as const)
    for (const field of covered)
      withRecordedQuote(`one flipped bit in an event's ${field} is found, for ${register} covers it`, recorded => {
        const outcomes = flipped(recorded, field, register === 'RTMR3' ? isRuntime : isBoot)
        expect(outcomes.length).toBeGreaterThan(0)
        expect(outcomes.filter(found => found.length === 0)).toEqual([])
      })

  for (const [register, free, why] of [
    ['RTMR0 to 2', ['event_type', 'event_payload'], 'their digests are of what firmware and kernel saw, not of it'],
    ['RTMR3', ['digest'], 'it is computed anew'],
  ] as const)
    for (const field of free)
      withRecordedQuote(`no register covers the ${field} of an event of ${register}: ${why}`, recorded => {
        const outcomes = flipped(recorded, field, register === 'RTMR3' ? isRuntime : isBoot)
        expect(outcomes.length).toBeGreaterThan(0)
        expect(outcomes.filter(found => found.length > 0)).toEqual([])
      })

  withRecordedQuote('an event that is left out, added, told twice or out of its turn is found', recorded => {
    const parsed = parseQuote(Buffer.from(recorded.quote, 'hex'))
    const log = JSON.parse(recorded.event_log) as Told[]
    for (const [index, event] of log.entries()) {
      const names = [`rtmr${event['imr']}`]
      expect(outcome(parsed, log.toSpliced(index, 1))).toEqual(names)
      expect(outcome(parsed, log.toSpliced(index, 0, event))).toEqual(names)
    }
    expect(outcome(parsed, log.toReversed())).toEqual(['rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'])
  })

  for (const register of ['rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'] as const)
    withRecordedQuote(`one flipped bit in the quote's ${register} is found, and named`, ({ quote, event_log }) => {
      const events = readEvents(event_log)
      const parsed = parseQuote(Buffer.from(quote, 'hex'))
      for (const other of flips(hex(parsed.body[register]), true)) {
        const body = { ...parsed.body, [register]: Buffer.from(String(other), 'hex') }
        expect(differing({ ...parsed, body }, events)).toEqual([register])
      }
    })

  withRecordedQuote('one flipped bit in the report data is found, in the quote and beside it', async recorded => {
    const asked = Buffer.from(recorded.report_data, 'hex')
    const giving = (told: RecordedQuote) => agent(async () => Response.json(told)).quote(asked)
    const { events } = await giving(recorded)
    expect(events.length).toBeGreaterThan(20)
    const codeOf = (told: RecordedQuote) => giving(told).catch(error => error.code)
    for (const report_data of flips(recorded.report_data, true))
      expect(await codeOf({ ...recorded, report_data: String(report_data) })).toBe('quote_mismatch')
    for (const other of flips(recorded.quote.slice(2 * 568, 2 * 632), true)) {
      const quote = recorded.quote.slice(0, 2 * 568) + other + recorded.quote.slice(2 * 632)
      expect(await codeOf({ ...recorded, quote })).toBe('quote_mismatch')
    }
  })
})

describe('an event', () => {
  const runtime = { imr: 3, event_type: RUNTIME, digest: '', event: 'app-id', event_payload: 'ab01' }
  const [one] = readEvents(JSON.stringify([runtime]))
  const [two] = readEvents(JSON.stringify([{ ...runtime, version: 2, preimage: 'ff' }]))

  test('of dstack has a digest over type, name and payload, since 0.6 over canonical JSON of them', () => {
    if (!one || !two) throw new Error('an event is missing')
    expect(hex(digestOf(one))).toBe(hex(sha384(Buffer.from('01000008', 'hex'), ':app-id:', Buffer.from('ab01', 'hex'))))
    expect(hex(digestOf(two))).toBe(hex(sha384('{"name":"app-id","payload":"ab01","type":134217729}')))
    expect(hex(digestOf({ ...two, type: 1 }))).toBe(hex(sha384('{"name":"app-id","payload":"ab01","type":1}')))
  })

  test('is measured on top of what was there', () => {
    if (!one || !two) throw new Error('an event is missing')
    const zeros = new Uint8Array(48)
    const first = sha384(zeros, digestOf(one))
    expect(replay([one, two]).map(hex)).toEqual([zeros, zeros, zeros, sha384(first, digestOf(two))].map(hex))
  })

  // Whoever looks for an event by its name would else read what nobody measured.
  test('of RTMR3 that says it is of another type has no digest of its own choice either', () => {
    const right = sha384('measured')
    const [odd] = readEvents(JSON.stringify([{ ...runtime, event_type: 4, digest: hex(right) }]))
    expect(odd && hex(digestOf(odd))).not.toBe(hex(right))
  })

  const boot = { imr: 0, event_type: 4, digest: '00'.repeat(48) }
  test.each<[string, unknown]>([
    ['no object', 5],
    ['null', null],
    ['no register', { ...boot, imr: undefined }],
    ['a fifth register', { ...boot, imr: 4 }],
    ['half a register', { ...boot, imr: 0.5 }],
    ['a type that is negative', { ...boot, event_type: -1 }],
    ['a type of more than 32 bits', { ...boot, event_type: 2 ** 32 }],
    ['a name that is no text', { ...boot, event: 5 }],
    ['half a letter in its name', { ...boot, event: '\ud800' }],
    ['a payload in base64', { ...boot, event_payload: 'q8E=' }],
    ['a digest that is cut short', { ...boot, digest: '00'.repeat(47) }],
    ['no digest, outside RTMR3', { ...boot, digest: '' }],
    ['half a digest, in RTMR3', { ...runtime, digest: '00' }],
    ['a version of tomorrow', { ...runtime, version: 3 }],
  ])('with %s is refused', (_, event) => {
    expect(() => readEvents(JSON.stringify([boot, event]))).toThrow(Malformed)
    expect(readEvents(JSON.stringify([boot, runtime]))).toHaveLength(2)
  })

  test('of whatever JSON is read, refused, and then has a digest of 48 bytes', () => {
    const fields = fc.record(
      {
        imr: fc.integer({ min: -1, max: 4 }),
        event_type: fc.oneof(fc.constant(RUNTIME), fc.integer()),
        digest: fc.oneof(fc.constant(''), fc.constant('0f'.repeat(48)), fc.string()),
        event: fc.string({ unit: 'binary' }),
        event_payload: fc.oneof(fc.constant('ab'), fc.string()),
        version: fc.constantFrom(1, 2, 3),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fc.oneof(fields, fc.jsonValue()), event => {
        const text = JSON.stringify([event])
        try {
          expect(readEvents(text).map(read => digestOf(read).length)).toEqual([48])
        } catch (error) {
          if (!(error instanceof Malformed)) throw error
        }
      }),
    )
  })
})
