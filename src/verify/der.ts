import { sure } from './check.ts'

/** A value in DER (ITU-T X.690): its tag, what is in it, and all of it. */
export interface Der {
  readonly tag: number
  readonly content: Uint8Array
  readonly whole: Uint8Array
}

export const SEQUENCE = 0x30
export const INTEGER = 0x02
export const BOOLEAN = 0x01
const OID = 0x06
const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18

/** The one value that these bytes are. @throws Wrong where they are none, or more. */
export function readDer(bytes: Uint8Array): Der {
  const [value, rest] = next(bytes)
  sure(rest.length === 0, 'DER with something after its end')
  return value
}

/** The values inside one. */
export function membersOf({ content }: Der): readonly Der[] {
  const members: Der[] = []
  for (let rest = content; rest.length > 0; ) {
    const [value, after] = next(rest)
    members.push(value)
    rest = after
  }
  return members
}

/** The members of a sequence. @throws Wrong where it is none. */
export function sequence(value: Der | undefined): readonly Der[] {
  sure(value?.tag === SEQUENCE, 'DER: no sequence where one belongs')
  return membersOf(value)
}

/** An object identifier, in dots. */
export function oidOf(value: Der | undefined): string {
  sure(value?.tag === OID && value.content.length > 0, 'DER: no object identifier where one belongs')
  const numbers: number[] = []
  let number = 0
  for (const byte of value.content) {
    number = number * 128 + (byte & 0x7f)
    if (byte < 0x80) {
      numbers.push(number)
      number = 0
    }
  }
  // The first two are one.
  const [both = 0, ...others] = numbers
  const first = Math.min(2, Math.floor(both / 40))
  return [first, both - 40 * first, ...others].join('.')
}

/** A whole number of few bytes, none below zero. */
export function numberOf(value: Der | undefined): number {
  const [first = 0xff] = value?.content ?? []
  sure(value?.tag === INTEGER && value.content.length <= 4 && first < 0x80, 'DER: no small number where one belongs')
  return value.content.reduce((sum, byte) => sum * 256 + byte, 0)
}

/** A time in milliseconds since the epoch (RFC 5280, section 4.1.2.5). */
export function timeOf(value: Der | undefined): number {
  sure(value?.tag === UTC_TIME || value?.tag === GENERALIZED_TIME, 'DER: no time where one belongs')
  const text = Buffer.from(value.content).toString('latin1')
  const full = value.tag === UTC_TIME ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}` : text
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full) ?? []
  sure(year !== undefined, 'DER: a time that is not understood')
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  sure(!Number.isNaN(at), 'DER: a time that is none')
  return at
}

/** Long form only where short would not do, and never without a length (X.690, section 10.1). */
function next(bytes: Uint8Array): readonly [Der, rest: Uint8Array] {
  const [tag = 0, first = 0] = bytes
  const more = first > 0x80 ? first - 0x80 : 0
  sure(bytes.length >= 2 + more && first !== 0x80 && more <= 4 && (tag & 0x1f) !== 0x1f, 'DER that is cut short')
  const length = more === 0 ? first : bytes.subarray(2, 2 + more).reduce((sum, byte) => sum * 256 + byte, 0)
  sure(more === 0 || length >= (more === 1 ? 0x80 : 256 ** (more - 1)), 'DER with a length that is written too long')
  const end = 2 + more + length
  sure(bytes.length >= end, 'DER that is cut short')
  return [{ tag, content: bytes.subarray(2 + more, end), whole: bytes.subarray(0, end) }, bytes.subarray(end)]
}
