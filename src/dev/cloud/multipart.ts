import { Refusal } from './refusal.ts'

/** One part of a form, while it comes. */
export interface Part {
  readonly name: string
  /** `undefined` for a plain field. */
  readonly filename: string | undefined
  readonly type: string | undefined
}

type Take = (part: Part, bytes: Buffer) => void

const LONGEST_HEAD = 16 * 1024

/** Hands each piece of each part of a `multipart/form-data` body (RFC 7578) on as it comes; holds no more than a piece. */
export async function readForm(body: AsyncIterable<Uint8Array>, contentType: string | null, take: Take): Promise<void> {
  const boundary = /^multipart\/form-data\b.*;\s*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(contentType ?? '')
  if (!boundary) throw new Refusal(400, 'Invalid `boundary` for `multipart/form-data` request')
  const form = new Form(`\r\n--${boundary[1] ?? boundary[2]}`, take)
  for await (const piece of body) form.feed(piece)
  if (!form.ended) throw new Refusal(400, 'Incomplete multipart stream')
}

class Form {
  ended = false
  readonly #delimiter: Buffer
  readonly #take: Take
  // The first delimiter has no line before it.
  #held = Buffer.from('\r\n')
  /** `undefined` in front of the first part. */
  #part: Part | undefined
  #inHead = false

  constructor(delimiter: string, take: Take) {
    this.#delimiter = Buffer.from(delimiter)
    this.#take = take
  }

  feed(piece: Uint8Array): void {
    if (this.ended) return
    this.#held = Buffer.concat([this.#held, piece])
    while (this.#inHead ? this.#readHead() : this.#readContent());
  }

  /** Whether there was a whole head. */
  #readHead(): boolean {
    const end = this.#held.indexOf('\r\n\r\n')
    if (end < 0 && this.#held.length > LONGEST_HEAD) throw new Refusal(400, 'Too long headers in a multipart body')
    if (end < 0) return false
    this.#part = partOf(this.#held.subarray(0, end).toString())
    // A part without content is one too.
    this.#take(this.#part, Buffer.alloc(0))
    this.#held = this.#held.subarray(end + 4)
    this.#inHead = false
    return true
  }

  /** Whether a delimiter was found, and it was not the last. */
  #readContent(): boolean {
    const at = this.#held.indexOf(this.#delimiter)
    const behind = at + this.#delimiter.length
    // What may be a delimiter's beginning waits for the rest of it, and of the two bytes behind.
    const whole = at >= 0 ? at : Math.max(0, this.#held.length - this.#delimiter.length + 1)
    if (this.#part && whole > 0) this.#take(this.#part, this.#held.subarray(0, whole))
    if (at < 0 || this.#held.length < behind + 2) {
      this.#held = this.#held.subarray(whole)
      return false
    }
    this.ended = this.#held.subarray(behind, behind + 2).equals(Buffer.from('--'))
    this.#held = this.#held.subarray(behind)
    this.#inHead = true
    return !this.ended
  }
}

function partOf(head: string): Part {
  const disposition = /^content-disposition:(.*)$/im.exec(head)?.[1] ?? ''
  const quoted = (name: string) => {
    const text = new RegExp(`[;\\s]${name}="([^"]*)"`, 'i').exec(disposition)?.[1]
    // Just these three are escaped, by the HTML standard's "multipart form data".
    return text?.replaceAll(/%(?:22|0D|0A)/gi, decodeURIComponent)
  }
  const type = /^content-type:\s*(.*?)\s*$/im.exec(head)?.[1]
  return { name: quoted('name') ?? '', filename: quoted('filename'), type }
}
