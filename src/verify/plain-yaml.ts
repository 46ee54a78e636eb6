import { Untold } from './check.ts'

// What two readers of YAML could take differently is left out: anchors, merged and complex keys, tags, several documents,
// flow mappings, texts over several lines, escapes. Left is what a compose file needs.
const KEY = /(?:\w[\w./-]*|"\w[\w ./-]*"|'\w[\w ./-]*')/.source
const SCALAR = /(?:"[^"\\]*"|'[^']*'|(?![-?:] )[^\s"'#&*!|>%@`{}[\],:?](?:[^\s:#]|:(?=\S)|(?<=\S)#| (?![ #]))*)/.source
const ITEM = /(?:"[^"\\]*"|'[^']*'|-*[\w$./][^\s"'{}[\],:#]*(?::[^\s"'{}[\],:#]+)*)/.source
const LIST = `\\[(?: *${ITEM}(?: *, *${ITEM})*)? *\\]`
const VALUE = `(?:${SCALAR}|${LIST}|\\{ *\\})`
const COMMENT = / *(?: #.*)?/.source
const MEMBER = new RegExp(`^ *(?:- )*${KEY}:(?: +${VALUE})?${COMMENT}$`)
const ELEMENT = new RegExp(`^ *(?:- )+${VALUE}${COMMENT}$`)
const BLANK = /^ *(?:#.*)?$/
// YAML 1.1 ends a line where 1.2 does not.
const ODD = /[^\P{C}\n]|[\p{Zl}\p{Zp}]/u

/** Reads YAML that is written so plainly that every reader takes it alike, and no key twice. @throws Untold if it is not */
export function plainYaml(text: string): unknown {
  const lines = text.split('\n')
  const odd = lines.findIndex(line => ODD.test(line) || !(BLANK.test(line) || MEMBER.test(line) || ELEMENT.test(line)))
  if (odd >= 0)
    throw new Untold(`line ${odd + 1} of the compose file is written in a way that readers may take differently`)
  const told = Bun.YAML.parse(text)
  const written = lines.filter(line => !BLANK.test(line) && MEMBER.test(line)).length
  if (keysIn(told) !== written) throw new Untold('the compose file has a key twice')
  return told
}

/** How many members the objects in it have. */
export function keysIn(told: unknown): number {
  if (typeof told !== 'object' || told === null) return 0
  const own = Array.isArray(told) ? 0 : Object.keys(told).length
  return Object.values(told).reduce<number>((sum, value) => sum + keysIn(value), own)
}
