import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import type { Quote } from './quote.ts'
import { malformed } from './replies.ts'

/** One event that was measured into a register. */
export interface LogEvent {
  /** The register: 0 to 3. */
  readonly imr: number
  readonly type: number
  /** 48 bytes; in RTMR3 empty where it was stripped, and never believed. */
  readonly digest: Uint8Array
  readonly name: string
  readonly payload: Uint8Array
  /** 2 where the digest is over canonical JSON (dstack 0.6). */
  readonly version: 1 | 2
}

const RTMRS = ['rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'] as const
const REGISTERS = RTMRS.length
/** The register of dstack's own events. */
const RUNTIME_REGISTER = 3
const DIGEST_BYTES = 48

/** The events of a log as an agent gives it: a JSON array. @throws Problem `agent_failed` */
export function readEvents(text: string): readonly LogEvent[] {
  let told: unknown
  try {
    told = JSON.parse(text)
  } catch {
    throw malformed('event_log is no JSON')
  }
  if (!Array.isArray(told)) throw malformed('event_log is no array')
  return told.map(eventOf)
}

/** The registers RTMR0 to RTMR3 that these events lead to, in the order of the log. */
export function replay(events: readonly LogEvent[]): readonly Uint8Array[] {
  const registers = Array.from({ length: REGISTERS }, () => new Uint8Array(DIGEST_BYTES))
  for (const event of events) {
    const before = registers[event.imr] ?? new Uint8Array(DIGEST_BYTES)
    registers[event.imr] = sha384(before, digestOf(event))
  }
  return registers
}

/** The registers, by name, to whose values in a quote these events do not lead; none where all replay. */
export function differing({ body }: Quote, events: readonly LogEvent[]): readonly string[] {
  const replayed = replay(events)
  return RTMRS.filter((name, imr) => Buffer.compare(body[name], replayed[imr] ?? new Uint8Array()) !== 0)
}

/**
 * An event's digest. Whatever is in RTMR3 is computed anew, of whichever type it says it is: the digest that stands in
 * a log may be missing, or go with another name and payload.
 */
export function digestOf({ imr, type, digest, name, payload, version }: LogEvent): Uint8Array {
  if (imr !== RUNTIME_REGISTER) return digest
  if (version === 2) {
    return sha384(Buffer.from(canonicalize({ name, payload: Buffer.from(payload).toString('hex'), type }) ?? ''))
  }
  const kind = Buffer.alloc(4)
  kind.writeUInt32LE(type)
  return sha384(kind, Buffer.from(`:${name}:`), payload)
}

function sha384(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const hash = createHash('sha384')
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

function eventOf(told: unknown): LogEvent {
  const {
    imr,
    event_type: type,
    event: name = '',
    digest = '',
    event_payload: payload = '',
    version = 1,
  } = Object(told)
  const isOne = isBelow(REGISTERS, imr) && isBelow(2 ** 32, type) && isText(name) && (version === 1 || version === 2)
  if (!isOne || !isHex(digest) || !isHex(payload)) throw malformed('an event')
  const event: LogEvent = { imr, type, name, digest: bytes(digest), payload: bytes(payload), version }
  const isStripped = digest === '' && imr === RUNTIME_REGISTER
  if (!isStripped && event.digest.length !== DIGEST_BYTES) throw malformed('an event without a digest')
  return event
}

const isBelow = (bound: number, value: unknown) =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) < bound
/** Half a surrogate pair would be hashed like any other half. */
const isText = (value: unknown) => typeof value === 'string' && value.isWellFormed()
const isHex = (value: unknown): value is string => typeof value === 'string' && /^(?:[\da-f]{2})*$/i.test(value)
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
