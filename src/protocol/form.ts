import { isUtf8 } from 'node:buffer'
import { namesModel } from './flat-names.ts'
import { invalidBody } from './members.ts'
import { MOST_ID } from './model-rules.ts'

const TYPE = /^multipart\/form-data; ?boundary=("?)([\w'()+,./:=?-]{1,70})\1(?:; ?charset=utf-8)?$/i
const HEADER = /^(content-disposition|content-type): ?([^\r\n]*)$/i
const DISPOSITION =
  /^form-data; ?name=(?:"([\w.[\]-]{1,100})"|([\w.-]{1,100}))(?:; ?filename=(?:"[^"\\]*"|[\w.-]+))?(?:; ?filename\*=[\w%'!#$&+.^`|~-]+)?$/i
const MOST_HEAD_BYTES = 4096
// Of UTF-8, and as many blanks as anybody would put around it.
const MOST_VALUE_BYTES = MOST_ID * 4
const LINE = Buffer.from('\r\n')
const HEAD_END = Buffer.from('\r\n\r\n')

/** @throws Problem `invalid_body` for what is no form, or is written so that two readers could take it for two */
export function boundaryOf(type: string | null): string {
  const boundary = TYPE.exec(type ?? '')?.[2]
  if (boundary === undefined) throw malformed('its type must be multipart/form-data with a plain boundary')
  return boundary
}

type State = 'start' | 'head' | 'model' | 'content' | 'over'

/** Who hears of a form being read; what they throw ends it. */
interface Heard {
  /** Each field's name. */
  named(name: string): void
  /** What a field says that names a model. */
  model(text: string): void
}

/**
 * A form (RFC 7578) being read on its way: tells its fields' names, and what those that name a model say, before those
 * bytes may go on, and holds back no more than a field's head, or a boundary's length of a file. Whatever one reader could
 * take for a boundary and another could not is refused.
 */
export class FormReading {
  readonly #delimiter: Buffer
  readonly #heard: Heard
  #held: Buffer = Buffer.alloc(0)
  /** How much of what is held is read. */
  #at = 0
  #state: State = 'start'

  constructor(boundary: string, heard: Heard) {
    this.#delimiter = Buffer.from(`--${boundary}`)
    this.#heard = heard
  }

  /** The bytes at its beginning without which nothing may go on. */
  get least(): number {
    return this.#delimiter.length + LINE.length
  }

  /** Takes what came; gives what may go on. @throws Problem `invalid_body` */
  push(piece: Uint8Array): Uint8Array<ArrayBuffer> {
    this.#held = Buffer.concat([this.#held, piece])
    while (this.#step());
    const free = new Uint8Array(this.#held.subarray(0, this.#at))
    this.#held = this.#held.subarray(this.#at)
    this.#value -= this.#at
    this.#at = 0
    return free
  }

  /** When all has come. @throws Problem `invalid_body` for half a form */
  end(): void {
    if (this.#state !== 'over' || this.#held.length > 0) throw malformed('it ends in the middle')
  }

  /** Reads on; whether there may be more to read. */
  #step(): boolean {
    if (this.#state === 'start') return this.#delimited(this.#at)
    if (this.#state === 'head') return this.#head()
    return this.#state === 'over' ? this.#tail() : this.#content()
  }

  /** A delimiter that must stand here, and what it begins or ends. */
  #delimited(from: number): boolean {
    const end = from + this.#delimiter.length
    if (this.#held.length < end + 2) return false
    const next = this.#held.toString('latin1', end, end + 2)
    if (!this.#held.subarray(from, end).equals(this.#delimiter) || (next !== '\r\n' && next !== '--'))
      throw malformed('its parts are not between boundaries, each on a line of its own')
    if (next === '--' && this.#state === 'start') throw malformed('it has no parts')
    this.#state = next === '--' ? 'over' : 'head'
    this.#at = end + 2
    return true
  }

  #head(): boolean {
    const end = this.#held.indexOf(HEAD_END, this.#at)
    if (end < 0 ? this.#held.length - this.#at > MOST_HEAD_BYTES : end - this.#at > MOST_HEAD_BYTES)
      throw malformed('the head of a part is too long')
    if (end < 0) return false
    const { name, isPlain } = headIn(this.#held.toString('latin1', this.#at, end))
    this.#heard.named(name)
    const isModel = namesModel(name)
    if (isModel && !isPlain) throw malformed('"model" must be plain text')
    // What is to be looked at is not passed on before.
    if (!isModel) this.#at = end + HEAD_END.length
    else this.#value = end + HEAD_END.length
    this.#state = isModel ? 'model' : 'content'
    return true
  }

  /** Where the value of a field `model` begins. */
  #value = 0

  #content(): boolean {
    const isModel = this.#state === 'model'
    const from = isModel ? this.#value : this.#at
    const found = this.#held.indexOf(this.#delimiter, from)
    if (isModel && (found < 0 ? this.#held.length : found) - from > MOST_VALUE_BYTES + this.#delimiter.length)
      throw malformed('"model" is too long')
    if (found < 0) {
      const kept = this.#delimiter.length + LINE.length
      if (!isModel) this.#at = Math.max(from, this.#held.length - kept)
      return false
    }
    if (this.#held.length < found + this.#delimiter.length + 2) return false
    if (found < from + 2 || !this.#held.subarray(found - 2, found).equals(LINE))
      throw malformed('its boundary stands inside a part')
    if (isModel) this.#heard.model(textOf(this.#held.subarray(from, found - 2)))
    return this.#delimited(found)
  }

  /** Behind the last boundary there are ends of lines, or nothing. */
  #tail(): boolean {
    const rest = this.#held.subarray(this.#at, this.#at + LINE.length)
    if (!LINE.subarray(0, rest.length).equals(rest)) throw malformed('something follows its last boundary')
    if (rest.length < LINE.length) return false
    this.#at += LINE.length
    return true
  }
}

/** Of a part's head: its field's name, and whether its content is text as it stands. */
function headIn(head: string): { name: string; isPlain: boolean } {
  const headers = new Map<string, string>()
  for (const line of head.split('\r\n')) {
    const [, name = '', text = ''] = HEADER.exec(line) ?? []
    if (name === '' || headers.has(name.toLowerCase()))
      throw malformed('a part has a Content-Disposition, and may have a Content-Type')
    headers.set(name.toLowerCase(), text)
  }
  const [, quoted, name = quoted] = DISPOSITION.exec(headers.get('content-disposition') ?? '') ?? []
  // It says how others are to be read (RFC 7578 section 4.6), and not all heed it.
  if (name === undefined || /^_charset_$/i.test(name))
    throw malformed('each part has a plain name, and none is "_charset_"')
  return { name, isPlain: /^text\/plain(; ?charset=utf-8)?$/i.test(headers.get('content-type') ?? 'text/plain') }
}

function textOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw malformed('"model" must be UTF-8')
  return bytes.toString('utf8')
}

const malformed = (what: string) => invalidBody(`of a form, as it is read here, ${what}.`)
