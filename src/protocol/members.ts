import { uuidFrom } from './ids.ts'
import { readObject } from './json.ts'
import { Problem } from './problem.ts'

/** What a member of a body may be. */
export interface Member<T> {
  /** In words, as they follow "must be". */
  readonly expects: string
  readonly isOptional: boolean
  fits(value: unknown): value is T
}

type Members = Readonly<Record<string, Member<unknown>>>
/** A body's members as they were read; one that may be left out may be `undefined`. */
export type Read<M extends Members> = { readonly [K in keyof M]: M[K] extends Member<infer T> ? T : never }

/**
 * Reads a body that must be one JSON object of these members and no others. No body at all is one without members.
 * @throws Problem `malformed_json`, or `invalid_body`, which names the member and what it must be.
 */
export async function readMembers<M extends Members>(bytes: Uint8Array, members: M): Promise<Read<M>> {
  const given = bytes.length === 0 ? {} : await objectIn(bytes)
  // Not by name: whatever a caller wrote may be meant for nobody's log.
  if (Object.keys(given).some(name => !Object.hasOwn(members, name)))
    throw invalidBody(`it takes ${listed(Object.keys(members))}.`)
  for (const [name, { expects, isOptional, fits }] of Object.entries(members)) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined
    if (value === undefined ? !isOptional : !fits(value)) throw invalidBody(`"${name}" must be ${expects}.`)
  }
  return given as Read<M>
}

async function objectIn(bytes: Uint8Array): Promise<Record<string, unknown>> {
  await readObject(bytes, [])
  return JSON.parse(Buffer.from(bytes).toString('utf8'))
}

/** Names as they follow "takes". */
export function listed(taken: readonly string[]): string {
  const names = taken.map(name => `"${name}"`)
  if (names.length === 0) return 'nothing'
  return names.length < 2
    ? `${names[0]}, and nothing else`
    : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}, and nothing else`
}

/** The refusal of a body that is JSON, but not what is taken. */
export function invalidBody(what: string): Problem {
  return new Problem('invalid_body', `Invalid body: ${what}`)
}

/** The same member, which may be left out. */
export const optional = <T>(member: Member<T>): Member<T | undefined> => ({
  ...member,
  fits: value => member.fits(value),
  isOptional: true,
})

/** The same member, which may be `null`. */
export const nullable = <T>(member: Member<T>): Member<T | null> => ({
  ...member,
  expects: `${member.expects}, or null`,
  fits: (value): value is T | null => value === null || member.fits(value),
})

const required = <T>(expects: string, fits: (value: unknown) => value is T): Member<T> => {
  return { expects, isOptional: false, fits }
}

/** Text that can be written in UTF-8 and read again as it was. */
const isText = (value: unknown): value is string => typeof value === 'string' && value.isWellFormed()

export const flag = required('true or false', value => typeof value === 'boolean')

export const uuid = required(
  'a UUID',
  (value): value is string => typeof value === 'string' && uuidFrom(value) !== undefined,
)

/** Text of so many characters. */
export const line = (most: number) =>
  required(
    `a text of 1 to ${most} characters, none a control character`,
    (value): value is string => isText(value) && value !== '' && value.length <= most && !/\p{Cc}/u.test(value),
  )

/** Text of so many characters, which may be of several lines, and is not blank. */
export const words = (most: number) =>
  required(
    `a text of 1 to ${most} characters, not all of them blank`,
    (value): value is string => isText(value) && value.length <= most && value.trim() !== '',
  )

/** Text of so many bytes in UTF-8, which may be empty. */
export const prose = (mostBytes: number) =>
  required(
    `a text of at most ${mostBytes} bytes in UTF-8`,
    (value): value is string => isText(value) && Buffer.byteLength(value) <= mostBytes,
  )

export const whole = (least: number, most: number) =>
  required(
    `a whole number from ${least} to ${most}`,
    (value): value is number => Number.isInteger(value) && Number(value) >= least && Number(value) <= most,
  )

export const oneOf = <const T extends string>(...words: readonly T[]) =>
  required(words.map(word => `"${word}"`).join(' or '), (value): value is T => words.some(word => word === value))

// Sane and no more: whether there is such an address, only a message to it shows.
/** An e-mail address (RFC 5321: 254 characters at most). */
export const email = required(
  'an e-mail address of at most 254 characters',
  (value): value is string =>
    isText(value) && value.length <= 254 && /^[^\s\p{Cc}@<>()[\]",;:\\]{1,64}@[^\s\p{Cc}@<>()[\]",;:\\]+$/u.test(value),
)

/** A URL that a page may load a picture from. */
export const httpsUrl = required(
  'an https URL of at most 2048 characters',
  (value): value is string =>
    isText(value) && value.length <= 2048 && /^https:\/\/[^\s\p{Cc}]+$/iu.test(value) && URL.canParse(value),
)
