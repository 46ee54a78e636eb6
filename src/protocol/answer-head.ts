/** The beginning of an HTTP/1.1 answer, up to its body. */
export interface Head {
  readonly status: number
  readonly headers: Fields
  /** Bytes of the body, or how it ends where no length is told. */
  readonly framing: number | 'chunked' | 'close'
  /** Whether it leaves the connection open for another one. */
  readonly keeps: boolean
  /** How many bytes it has. */
  readonly end: number
}

/** Header fields by their name in lower case. `Set-Cookie`, which cannot be joined, is left out. */
export type Fields = Readonly<Record<string, string | undefined>>

/** The most bytes of a head, or of a trailer section. */
export const MOST_HEAD_BYTES = 16_384
/** The end of either. */
export const END = '\r\n\r\n'
const MOST_FIELDS = 256
const CR = 0x0d

const BEGINNING = 'HTTP/1.'
const STATUS = /HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?\r\n/y
const FIELD = /([!#$%&'*+.^_`|~\dA-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)\r\n/y
/** What no head has: a control character, a line feed by itself, a carriage return without one. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NEVER = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|^\n|[^\r]\n|\r[^\n]/
const LENGTH = /^\d{1,15}$/
const CLOSE = /(?:^|[\t ,])close(?:$|[\t ,])/i

/** Fields that are said once; of more than one the first counts, and others are joined, as node:http has it. */
const SINGLE = new Set(
  (
    'age authorization content-type etag expires from host if-modified-since if-unmodified-since last-modified location ' +
    'max-forwards proxy-authorization referer retry-after server user-agent'
  ).split(' '),
)

/**
 * Reads the head that bytes begin with, by the letter of RFC 9112; `partial` while it may still become one. The first
 * `seen` of them were that already, and are not looked at again before the end has come.
 */
export function readHead(bytes: Buffer, seen = 0): Head | 'partial' | 'malformed' {
  const end = bytes.indexOf(END, Math.max(0, seen - END.length + 1))
  if (end < 0) return canBegin(bytes, seen) ? 'partial' : 'malformed'
  if (end > MOST_HEAD_BYTES) return 'malformed'
  const text = bytes.toString('latin1', 0, end + 2)
  STATUS.lastIndex = 0
  const line = STATUS.exec(text)
  if (!line) return 'malformed'
  const headers = fieldsIn(text, STATUS.lastIndex)
  const framing = headers && framingOf(headers)
  if (!headers || framing === undefined) return 'malformed'
  const { connection } = headers
  const keeps = line[1] === '1' && !(connection !== undefined && CLOSE.test(connection))
  return { status: Number(line[2]), headers, framing, keeps, end: end + 4 }
}

/** Reads field lines, each with its end; `undefined` where one is none, or they are too many. */
export function fieldsIn(text: string, start: number): Fields | undefined {
  const fields: Record<string, string | undefined> = Object.create(null)
  let count = 0
  for (FIELD.lastIndex = start; FIELD.lastIndex < text.length; ) {
    const field = FIELD.exec(text)
    if (!field || ++count > MOST_FIELDS) return undefined
    const [, written = '', around = ''] = field
    const name = written.toLowerCase()
    if (name === 'set-cookie') continue
    const value = trimmed(around)
    const before = fields[name]
    // Even the same one twice (RFC 9112 section 6.3).
    if (before !== undefined && name === 'content-length') return undefined
    if (before === undefined) fields[name] = value
    else if (!SINGLE.has(name)) fields[name] = `${before}, ${value}`
  }
  return fields
}

function canBegin(bytes: Buffer, seen: number): boolean {
  if (bytes.length >= MOST_HEAD_BYTES + END.length) return false
  const isBegun = seen >= BEGINNING.length || BEGINNING.startsWith(bytes.toString('latin1', 0, BEGINNING.length))
  const from = bytes[seen - 1] === CR ? seen - 1 : seen
  return isBegun && !NEVER.test(bytes.toString('latin1', from))
}

/** Any other coding than `chunked` is one that nobody asked for; two ways to tell the end are an attack. */
function framingOf({
  'transfer-encoding': coding,
  'content-length': length,
}: Fields): number | 'chunked' | 'close' | undefined {
  if (coding !== undefined) return length === undefined && coding.toLowerCase() === 'chunked' ? 'chunked' : undefined
  if (length === undefined) return 'close'
  return LENGTH.test(length) ? Number(length) : undefined
}

/** Without the spaces and tabs around it, and no others: String.trim takes what is content here. */
function trimmed(value: string): string {
  let start = 0
  let end = value.length
  while (start < end && isBlank(value.charCodeAt(start))) start++
  while (end > start && isBlank(value.charCodeAt(end - 1))) end--
  return start === 0 && end === value.length ? value : value.slice(start, end)
}

const isBlank = (code: number) => code === 0x20 || code === 0x09
