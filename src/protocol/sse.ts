import { Held, jsonOf } from './held.ts'
import { answerIdOf } from './usage.ts'

const LINE_FEED = 10
const DATA = Buffer.from('data:')
const NEXT_DATA = Buffer.from('\ndata:')
const USAGE = Buffer.from('"usage"')

// The event that ends a response carries its whole text.
const LONGEST_LINE = 4 * 1024 * 1024
// An answer names itself in its first event.
const NAMING_EVENTS = 4

/**
 * Reads server-sent events from bytes that arrive split anywhere: it counts them by their `data` lines, and keeps the
 * answer's id and the last that states usage. Lines end by LF or CR LF; each event is taken for one line, as OpenAI's are.
 */
export class EventReader {
  count = 0
  /** The id of the answer, once it was told. */
  id: string | undefined
  readonly #wanted: boolean
  /** The line that has no end yet. */
  readonly #line: Held
  #stating: Buffer | undefined

  /** Unless usage is wanted, and the id with it, events are counted only. */
  constructor({ usage }: { usage: boolean }) {
    this.#wanted = usage
    this.#line = new Held(usage ? LONGEST_LINE : DATA.length)
  }

  feed(bytes: Buffer): void {
    const first = bytes.indexOf(LINE_FEED) + 1
    let at = 0
    if (first > 0 && this.#line.bytes.length > 0) {
      this.#line.add(bytes.subarray(0, first))
      this.#read(this.#line.bytes)
      this.#line.clear()
      at = first
    }
    const end = bytes.lastIndexOf(LINE_FEED) + 1
    if (end > at) this.#read(bytes.subarray(at, end))
    if (end < bytes.length) this.#line.add(bytes.subarray(end))
  }

  /** The JSON of the last event that states usage, the one that the end cut short or left without a line end included. */
  stated(): unknown {
    const last = this.#line.bytes
    return (this.#wanted && jsonOf(stating(last))) || jsonOf(this.#stating)
  }

  /** Counts the event whose `data` line begins at a place. */
  #seen(lines: Buffer, at: number): void {
    this.count++
    if (this.#wanted && this.id === undefined && this.count <= NAMING_EVENTS)
      this.id = answerIdOf(jsonOf(lineAt(lines, at).subarray(DATA.length)))
  }

  /** Reads whole lines. */
  #read(lines: Buffer): void {
    if (isData(lines)) this.#seen(lines, 0)
    for (let at = lines.indexOf(NEXT_DATA); at >= 0; at = lines.indexOf(NEXT_DATA, at + NEXT_DATA.length))
      this.#seen(lines, at + 1)
    if (!this.#wanted) return
    const line = stating(lines)
    if (line) this.#stating = Buffer.from(line)
  }
}

/** The line that begins at a place, without its end. */
function lineAt(lines: Buffer, at: number): Buffer {
  const end = lines.indexOf(LINE_FEED, at)
  return lines.subarray(at, end < 0 ? lines.length : end)
}

function isData(line: Buffer): boolean {
  return line.length >= DATA.length && line.compare(DATA, 0, DATA.length, 0, DATA.length) === 0
}

/** The value of the last `data` line that holds `"usage"` and an object: `"usage":null` is in each of OpenAI's chunks. */
function stating(lines: Buffer): Buffer | undefined {
  for (let at = lines.lastIndexOf(USAGE); at >= 0; at = at > 0 ? lines.lastIndexOf(USAGE, at - 1) : -1) {
    if (!isObjectAfter(lines, at + USAGE.length)) continue
    const start = lines.lastIndexOf(LINE_FEED, at) + 1
    const line = lineAt(lines, start)
    if (isData(line)) return line.subarray(DATA.length)
    // Each line once: a long one that says it a thousand times would hold up everybody.
    at = start
  }
  return undefined
}

/** Whether a colon and an opening brace come next, blanks looked over. */
function isObjectAfter(bytes: Buffer, start: number): boolean {
  const at = afterBlanks(bytes, start)
  return bytes[at] === 0x3a && bytes[afterBlanks(bytes, at + 1)] === 0x7b
}

function afterBlanks(bytes: Buffer, start: number): number {
  let at = start
  while (bytes[at] === 0x20 || bytes[at] === 0x09) at++
  return at
}
