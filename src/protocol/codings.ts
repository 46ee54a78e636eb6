/** How the bytes of a file may be coded on their way (RFC 9110 section 8.4.1). */
export type Coding = 'br' | 'gzip' | 'identity'

const ENTRY = /^([!#$%&'*+.^_`|~\w-]+)(?:[\t ]*;[\t ]*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?$/i
// Whoever lists codings and not this one still takes it, but rather one of the list.
const UNLISTED_IDENTITY = 0.0001

/**
 * Of the codings on offer, ours of choice first, the one that an `Accept-Encoding` header weighs most (RFC 9110 section
 * 12.5.3); `identity` where none may be sent, or nothing is said: who says nothing may be unable to decode.
 */
export function codingFor(header: string | null, offered: readonly Coding[]): Coding {
  if (header === null) return 'identity'
  const weights = new Map<string, number>()
  for (const entry of header.split(',')) {
    const [, name, weight = '1'] = ENTRY.exec(entry.trim()) ?? []
    if (name !== undefined) weights.set(name.toLowerCase(), Number(weight))
  }
  const weightOf = (coding: Coding) =>
    weights.get(coding) ?? weights.get('*') ?? (coding === 'identity' ? UNLISTED_IDENTITY : 0)
  const taken = offered.filter(coding => weightOf(coding) > 0)
  return taken.reduce((best, coding) => (weightOf(coding) > weightOf(best) ? coding : best), taken[0] ?? 'identity')
}
