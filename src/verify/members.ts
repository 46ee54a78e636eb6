import { sure, Untold } from './check.ts'

/** An object of a report, not believed. */
export type Members = Readonly<Record<string, unknown>>

/** An object; also one in a text, as some hand it on. @throws Wrong */
export function objectOf(value: unknown, what: string): Members {
  const told: unknown = typeof value === 'string' ? JSON.parse(value) : value
  sure(typeof told === 'object' && told !== null && !Array.isArray(told), `${what} is no JSON object`)
  return told as Members
}

/** A text. @throws Untold where there is none, Wrong where it is something else */
export function textOf(members: Members, name: string): string {
  const { [name]: value } = members
  if (value === undefined || value === null || value === '') throw new Untold(`the report has no ${name}`)
  sure(typeof value === 'string', `${name} is no text`)
  return value
}

/** Bytes in hex. @throws as {@link textOf} does */
export function bytesOf(members: Members, name: string): Buffer {
  const text = textOf(members, name).replace(/^0x/, '')
  sure(/^(?:[\da-f]{2})+$/i.test(text), `${name} is no hex`)
  return Buffer.from(text, 'hex')
}

/** What is given as JSON, or as a text of JSON. @throws Untold where there is none */
export function jsonTextOf(members: Members, name: string): string {
  const { [name]: value } = members
  if (value === undefined || value === null || value === '') throw new Untold(`the report has no ${name}`)
  return typeof value === 'string' ? value : JSON.stringify(value)
}
