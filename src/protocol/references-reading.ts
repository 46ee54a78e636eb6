import { isPlainId } from './ids.ts'
import type { Listener, Span } from './json-reading.ts'
import { invalidBody } from './members.ts'
import { Problem } from './problem.ts'
import { CONTENT, ITEMS, KINDS, type Kind, LABELLED, type Meaning, meaningOf } from './reference-names.ts'

/** A stored thing that a body names. */
export interface Reference {
  readonly kind: Kind
  /** Byte for byte as it came; empty where it is spelled as no id is, and can be nobody's. */
  readonly id: string
}

// Far more than any request needs, and few enough to ask one database about.
const MOST_OF_A_KIND = 1000
/** The longest canonical id in bytes: each character escaped, and the quotes. */
const LONGEST = 255 * 6 + 2
/** Text that stands in JSON as it is. */
const PLAIN = /^[ !#-[\]-~]*$/

/** A container that is open. */
interface Frame {
  readonly isObject: boolean
  /** Whether it is an array in an array. */
  readonly isInner: boolean
  /** The member whose value it is, or an element of; empty for the body itself. */
  readonly name: string
  readonly meaning: Meaning
  readonly parent: Frame | undefined
  isEmpty: boolean
  /** Whether it has an `id`. */
  isNamed: boolean
  /** Of an input item: its type, and its members that are not empty. */
  type: string
  readonly filled: Set<string> | undefined
}

/** Hears a body being read, and keeps what it names. */
export class ReferencesReading implements Listener {
  readonly #bytes: Buffer
  readonly #ids = { conversation: new Set<string>(), response: new Set<string>(), file: new Set<string>() }
  #frame: Frame | undefined
  /** The member whose value comes next, or the array's whose element does; and what that name says. */
  #name = ''
  #meaning: Meaning = 'text'
  /** How many containers are open in what is the caller's own. */
  #opaque = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  get found(): readonly Reference[] {
    return KINDS.flatMap(kind => [...this.#ids[kind]].map(id => ({ kind, id })))
  }

  key(name: string): void {
    if (this.#opaque > 0) return
    const meaning = meaningOf(name)
    if (!meaning) throw invalidBody('what names a stored thing is itself named in small letters, as "file_id".')
    this.#name = name
    this.#meaning = meaning
  }

  opens(isObject: boolean): void {
    if (this.#opaque > 0 || this.#meaning === 'opaque') {
      if (this.#opaque++ === 0) this.#frame?.filled?.add(this.#name)
      return
    }
    const parent = this.#frame
    if (parent) {
      parent.isEmpty = false
      if (parent.isInner && isObject) throw nested()
      if (!mayOpen(isObject, this.#name, this.#meaning)) throw notNaming(this.#meaning)
    }
    this.#frame = {
      isObject,
      isInner: !isObject && parent?.isObject === false,
      name: this.#name,
      meaning: this.#meaning,
      parent,
      isEmpty: true,
      isNamed: false,
      type: '',
      filled: isObject && ITEMS.has(this.#name) ? new Set() : undefined,
    }
  }

  closes(): void {
    const frame = this.#frame
    if (this.#opaque > 0) this.#opaque--
    else if (frame) {
      this.#frame = frame.parent
      this.#name = frame.name
      this.#meaning = frame.meaning
      if (!frame.isEmpty) frame.parent?.filled?.add(frame.name)
      if (frame.isObject) judge(frame)
    }
  }

  text(span: Span): void {
    const frame = this.#frame
    if (this.#opaque > 0 || !frame) return
    frame.isEmpty = false
    if (frame.isInner) throw nested()
    if (frame.filled) {
      if (this.#name === 'type') frame.type = this.#textAt(span)
      if (span.to - span.from > 2) frame.filled.add(this.#name)
    }
    if (this.#meaning !== 'text' && this.#meaning !== 'opaque') this.#names(this.#meaning, frame, span)
  }

  scalar(isNull: boolean): void {
    if (this.#opaque > 0) return
    if (this.#frame) this.#frame.isEmpty = false
    if (!isNull && isKind(this.#meaning)) throw notNaming(this.#meaning)
  }

  #names(meaning: Meaning, frame: Frame, span: Span): void {
    if (isKind(meaning)) {
      if (frame.isObject && isPlural(this.#name)) throw notNaming(meaning)
      this.#add(meaning, span)
    } else if (meaning !== 'id') throw unowned(span)
    else if (frame.meaning === 'conversation') {
      frame.isNamed = true
      this.#add('conversation', span)
    } else if (frame.filled) frame.isNamed = true
    else if (!LABELLED.has(frame.name)) throw unowned(span)
  }

  #add(kind: Kind, span: Span): void {
    const text = this.#textAt(span)
    const ids = this.#ids[kind].add(isPlainId(text) ? text : '')
    if (ids.size > MOST_OF_A_KIND)
      throw invalidBody(`it names more than ${MOST_OF_A_KIND} conversations, responses or files.`)
  }

  /** A string without its escapes; of one that is too long for any id or type, nothing. */
  #textAt({ from, to }: Span): string {
    if (to - from > LONGEST) return ''
    const text = this.#bytes.toString('latin1', from + 1, to - 1)
    return PLAIN.test(text) ? text : JSON.parse(this.#bytes.toString('utf8', from, to))
  }
}

const isKind = (meaning: Meaning): meaning is Kind => (KINDS as readonly Meaning[]).includes(meaning)

const isPlural = (name: string): boolean => name.endsWith('s')

/** Whether a member's value may be an object, or a list. */
function mayOpen(isObject: boolean, name: string, meaning: Meaning): boolean {
  if (meaning === 'text' || meaning === 'container') return true
  return isObject ? meaning === 'conversation' : isPlural(name)
}

/** Refuses an object that is whole, and does not say what it names. */
function judge({ meaning, isNamed, type, filled }: Frame): void {
  if (meaning === 'conversation' && !isNamed) throw notNaming(meaning)
  if (filled && isNamed && !CONTENT.get(type)?.some(name => filled.has(name)))
    throw new Problem(
      'reference_not_supported',
      'An input item has an "id", but not the content that goes with its "type": stored items cannot be named one by one. Send the item whole, leave its "id" out, or name the response or conversation it is of.',
    )
}

const unowned = ({ from }: Span) =>
  new Problem(
    'reference_not_supported',
    `The body names a stored thing at byte ${from} that is neither a conversation, a response nor a file: whose it is cannot be told here, so it must be left out.`,
  )

const notNaming = (meaning: Meaning) =>
  invalidBody(
    meaning === 'conversation'
      ? '"conversation" must be an id, or an object with an "id".'
      : 'what names a stored thing must be its id, and a list of ids where its name ends in "ids".',
  )

// A server in Rust (serde) reads ["input_file", "file-1"] as it reads {"type": "input_file", "file_id": "file-1"}.
const nested = () => invalidBody('a list in a list may hold numbers only.')
