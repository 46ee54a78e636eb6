/** A part of a body, from its first byte to its last, that one too. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

const ONE = /^bytes=[\t ]*(?:(\d+)-(\d*)|-(\d+))[\t ]*$/i

/**
 * The range that a `Range` header asks of a body of so many bytes (RFC 9110 section 14.1.2); `undefined` where the whole
 * is to be sent: by another unit, in several parts (which a server need not give) or by what is no range.
 */
export function byteRangeOf(header: string, size: number): ByteRange | 'unsatisfiable' | undefined {
  const [whole, from, to, suffix] = ONE.exec(header) ?? []
  if (whole === undefined) return undefined
  if (from === undefined) {
    const length = Math.min(Number(suffix), size)
    return length === 0 ? 'unsatisfiable' : { first: size - length, last: size - 1 }
  }
  const [first, last] = [Number(from), to ? Number(to) : Number.POSITIVE_INFINITY]
  if (last < first) return undefined
  return first < size ? { first, last: Math.min(last, size - 1) } : 'unsatisfiable'
}
