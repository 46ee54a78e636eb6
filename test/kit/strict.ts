/** What a client that allows nothing makes of an answer's bytes (RFC 9112). */
export interface Reading {
  readonly status: number
  readonly body: string
  /** Whether the message's own framing says that this is all of it. */
  readonly whole: boolean
  /** What came after its end. */
  readonly rest: string
}

const LARGEST_HEAD = 16_384

/**
 * Reads the first final answer by the letter: no bare line feed, no folded line, one length in digits, no transfer coding
 * but `chunked`, a head of 16 KiB at most, and nothing before it. `undefined` for whatever is not that; `ended` tells that
 * nothing more will come.
 */
export function strictly(bytes: string, ended: boolean): Reading | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0 || headEnd > LARGEST_HEAD) return undefined
  const [first = '', ...lines] = bytes.slice(0, headEnd).split('\r\n')
  const status = Number(/^HTTP\/1\.[01] ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/.exec(first)?.[1])
  const fields = lines.map(line => /^([!#$%&'*+.^`|~\w-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*?)[\t ]*$/.exec(line))
  if (!status || status === 101 || fields.some(field => !field)) return undefined
  const after = bytes.slice(headEnd + 4)
  if (status < 200) return strictly(after, ended)
  const values = (name: string) => fields.flatMap(field => (field?.[1]?.toLowerCase() === name ? [field[2] ?? ''] : []))
  const lengths = values('content-length')
  const codings = values('transfer-encoding')
  const bad = lengths.length + codings.length > 1 || codings.some(coding => coding.toLowerCase() !== 'chunked')
  if (bad || lengths.some(length => !/^\d{1,15}$/.test(length))) return undefined
  if (status === 204 || status === 304) return { status, body: '', whole: true, rest: after }
  if (codings.length > 0) return unchunked(status, after)
  if (lengths.length === 0) return { status, body: after, whole: ended, rest: '' }
  const length = Number(lengths[0])
  return { status, body: after.slice(0, length), whole: after.length >= length, rest: after.slice(length) }
}

function unchunked(status: number, bytes: string): Reading | undefined {
  let body = ''
  let at = 0
  for (;;) {
    const cut = { status, body, whole: false, rest: '' }
    const line = bytes.indexOf('\r\n', at)
    if (line < 0) return cut
    const size = Number.parseInt(/^([\da-f]{1,12})(?:;[\t\x20-\x7e]+)?$/i.exec(bytes.slice(at, line))?.[1] ?? '', 16)
    if (Number.isNaN(size)) return undefined
    if (size === 0) return trailed(cut, bytes, line + 2)
    const end = line + 2 + size
    body += bytes.slice(line + 2, end)
    if (!'\r\n'.startsWith(bytes.slice(end, end + 2))) return undefined
    if (end + 2 > bytes.length) return { ...cut, body }
    at = end + 2
  }
}

/** The trailer section after the last chunk: field lines, none about framing, then an empty one. */
function trailed(cut: Reading, bytes: string, start: number): Reading | undefined {
  for (let at = start; ; ) {
    const line = bytes.indexOf('\r\n', at)
    if (line < 0) return cut
    if (line === at) return { ...cut, whole: true, rest: bytes.slice(at + 2) }
    const field = bytes.slice(at, line)
    if (!/^[!#$%&'*+.^`|~\w-]+:[\t\x20-\x7e\x80-\xff]*$/.test(field)) return undefined
    if (/^(?:content-length|transfer-encoding):/i.test(field)) return undefined
    at = line + 2
  }
}
