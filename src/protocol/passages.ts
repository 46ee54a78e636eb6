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
export function passageOf(text: string): Passage | undefined {
  const [, method, path] = ENTRY.exec(text) ?? []
  return path === undefined
    ? undefined
    : { method: method as Passage['method'], path: path.replaceAll(/\{(\w+)\}/g, ':$1') }
}

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
export function faultsOf(passages: readonly Passage[]): string[] {
  return passages.flatMap((passage, at) => faultOf(passage) ?? twinFault(passage, passages.slice(0, at)) ?? [])
}

function faultOf(passage: Passage): string | undefined {
  const { path } = passage
  const first = path.split('/')[2] ?? ''
  const names = parametersOf(passage)
  const unknown = names.find(({ kind }) => kind === undefined)
  if (TAKEN.has(first) || first.startsWith(':'))
    return `${path}: /v1/${first} has rules of its own here, and cannot be passed through`
  if (INFERENCE.some(known => overlap(known.path, path))) return `${path} is a route of this gateway already: drop it`
  if (unknown) return `${path}: whose id :${unknown.name} is cannot be told (known are ${KNOWN})`
  const isTwice = new Set(names.map(({ name }) => name)).size < names.length
  return isTwice ? `${path}: two of its parameters have one name` : undefined
}

function twinFault({ method, path }: Passage, before: readonly Passage[]): string | undefined {
  const shapeOf = (template: string) => template.replaceAll(/:\w+/g, ':')
  const twins = before.filter(other => shapeOf(other.path) === shapeOf(path))
  if (twins.some(twin => twin.method === method)) return `${method} ${path} is given twice: drop one`
  return twins.some(twin => twin.path !== path) ? `${path} is given with other names too: use the same` : undefined
}

const KNOWN = KINDS.map(kind => `:${kind}_id`).join(', ')

/** Whether a path can fit both templates. */
function overlap(one: string, other: string): boolean {
  const [left, right] = [one.split('/'), other.split('/')]
  return left.length === right.length && left.every((it, at) => it === right[at] || right[at]?.startsWith(':'))
}
