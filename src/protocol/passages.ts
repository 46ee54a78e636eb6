import { quoted } from './kinds.ts'
import { KINDS, type Kind } from './reference-names.ts'
import { INFERENCE } from './routes.ts'

/** A route that an operator lets through to a backend, beside those that this gateway knows. */
export interface Passage {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With its parameters as `:name`. */
  readonly path: string
}

const ENTRY = /^(GET|POST|PUT|PATCH|DELETE) (\/v1(?:\/(?:[a-z0-9_~-][a-z0-9._~-]*|:\w+|\{\w+\}))+)$/
// By the first segment: what is here has rules of its own, whatever follows it.
const TAKEN: ReadonlySet<string> = new Set([
  ...['admin', 'auth', 'users', 'conversations', 'responses', 'files'],
  ...['attestation', 'cache-secret', 'configs', 'model', 'models', 'receipts', 'signature', 'usage'],
])

/** Reads `METHOD /v1/template`, its parameters written `:name` or `{name}`. */
function passageOf(text: string): Passage | undefined {
  const [, method, path] = ENTRY.exec(text) ?? []
  return path === undefined
    ? undefined
    : { method: method as Passage['method'], path: path.replaceAll(/\{(\w+)\}/g, ':$1') }
}

/** Those of a list that can be read. */
export const passagesIn = (texts: readonly string[]): readonly Passage[] => texts.flatMap(text => passageOf(text) ?? [])

/** Each parameter of a template, and whose id stands there: by its own name, else by the segment before it. */
export function parametersOf({ path }: Passage): { name: string; kind: Kind | undefined }[] {
  const segments = path.split('/')
  return segments.flatMap((segment, at) => {
    if (!segment.startsWith(':')) return []
    const name = segment.slice(1)
    const kind = KINDS.find(kind => name === `${kind}_id` || (name === 'id' && segments[at - 1] === `${kind}s`))
    return [{ name, kind }]
  })
}

/** Why these cannot be let through, in words; one line for each that cannot. */
export function faultsOf(texts: readonly string[]): string[] {
  return texts.flatMap((text, at) => {
    const passage = passageOf(text)
    const fault = passage ? (faultOf(passage) ?? twinFault(passage, passagesIn(texts.slice(0, at)))) : MALFORMED
    return fault === undefined ? [] : `${quoted(text)} ${fault}`
  })
}

const MALFORMED =
  'is no route: write it as POST /v1/rerank or GET /v1/jobs/{file_id}, a method in capitals, one blank, and a path below /v1 in small letters without a slash at its end'

function faultOf(passage: Passage): string | undefined {
  const { path } = passage
  const first = path.split('/')[2] ?? ''
  const names = parametersOf(passage)
  const unknown = names.find(({ kind }) => kind === undefined)
  if (first.startsWith(':')) return 'could be any route: write its first segment plainly'
  if (TAKEN.has(first)) return `is below /v1/${first}, which has rules of its own here: drop it`
  if (INFERENCE.some(known => overlap(known.path, path))) return 'is a route of this gateway already: drop it'
  if (unknown) return `has an id {${unknown.name}} of which nobody can tell whose it is: only ${KNOWN} are known`
  const isTwice = new Set(names.map(({ name }) => name)).size < names.length
  return isTwice ? 'has two parameters of one name: name them apart' : undefined
}

function twinFault({ method, path }: Passage, before: readonly Passage[]): string | undefined {
  if (before.some(other => other.method === method && other.path === path)) return 'is given twice: drop one'
  return before.some(other => isNamedApart(other.path, path))
    ? 'has a parameter where another entry has one of another name: use one name for both'
    : undefined
}

/** Whether two templates are one up to parameters of different names: the router takes no such two. */
function isNamedApart(one: string, other: string): boolean {
  const [left, right] = [one.split('/'), other.split('/')]
  const at = left.findIndex((it, at) => it !== right[at])
  return left[at]?.startsWith(':') === true && right[at]?.startsWith(':') === true
}

const KNOWN = KINDS.map(kind => `{${kind}_id}`).join(', ')

/** Whether a path can fit both templates. */
function overlap(one: string, other: string): boolean {
  const [left, right] = [one.split('/'), other.split('/')]
  return left.length === right.length && left.every((it, at) => it === right[at] || right[at]?.startsWith(':'))
}
