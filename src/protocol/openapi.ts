import { ALWAYS, BROUGHT, HEADERS, type HeaderName, PARAMETERS, SECURITY } from './openapi-words.ts'
import { type ProblemCode, statusOf, typeOf } from './problem.ts'

// OpenAPI 3.0.3, as much of it as is written here. Each route line and each macro says its own part as Elysia's
// `detail`, and Elysia merges them: what a route declares and what its documentation says cannot part.

interface Media {
  readonly schema: object
  readonly example?: unknown
}

/** One answer of an operation. */
export interface Answer {
  description: string
  headers?: Record<string, { $ref: string }>
  content?: Record<string, Media>
}

/** What is said of a route; its refusals are codes of the one table. */
export interface Detail {
  tags?: string[]
  summary?: string
  description?: string
  parameters?: ({ $ref: string } | { name: string; in: string })[]
  requestBody?: { description: string; required: boolean; content: Record<string, Media> }
  responses?: Record<string, Answer>
  security?: Record<string, string[]>[]
  'x-codes'?: ProblemCode[]
  /** Whether its answers tell of a receipt. */
  'x-receipted'?: boolean
  /** What is to be said besides, in this order. */
  'x-told'?: (() => Detail)[]
}

/** A `detail` that is made when the document is asked for: to make and merge those of all routes is a sixteenth of a start. */
export const described = (detail: () => Detail): Detail => ({ 'x-told': [detail] })

/** The parts that a route and its macros said, as one. */
function whole({ 'x-told': parts = [], ...said }: Detail): Detail {
  return parts.reduce((all, part) => merged(all, part()), said)
}

/** As Elysia merges them: lists one behind the other, objects by their members, of all else the later. */
function merged<T extends object>(one: T, other: T): T {
  const members = Object.entries(other).map(([key, value]) => {
    const there: unknown = Reflect.get(one, key)
    if (Array.isArray(there) && Array.isArray(value)) return [key, [...there, ...value]]
    return [key, isObject(there) && isObject(value) ? merged(there, value) : value]
  })
  return { ...one, ...Object.fromEntries(members) }
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A route as the router lists it, with what is said of it. */
export interface DocumentedRoute {
  readonly method: string
  readonly path: string
  readonly hooks: { readonly detail?: Detail }
}

// Whatever the route, a request may be one that no two readers read alike, and a fault of ours may be in the way.
const ANYWHERE: readonly ProblemCode[] = [
  'malformed_target',
  'malformed_header',
  'malformed_host',
  'malformed_length',
  'internal',
]

/** A part of a route's `detail`: the codes that it may be refused with, and what else there is to say. */
export function refuses(codes: readonly ProblemCode[], detail: Detail = {}): Detail {
  return { ...detail, 'x-codes': [...codes] }
}

/** Refers to a request header or a parameter of the query. */
export const parameter = (name: keyof typeof PARAMETERS) => ({ $ref: `#/components/parameters/${name}` })

/** Refers to answer headers. */
export function headers(names: readonly HeaderName[]): Record<string, { $ref: string }> {
  return Object.fromEntries(names.map(name => [name, { $ref: `#/components/headers/${name}` }]))
}

/** The OpenAPI document of these routes. */
export function openapi(routes: readonly DocumentedRoute[], version: string): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const { method, path, hooks } of routes) {
    const template = templateOf(path)
    paths[template] = { ...paths[template], [method.toLowerCase()]: operation(method, path, whole(hooks.detail ?? {})) }
  }
  return {
    openapi: '3.0.3',
    info: {
      title: 'sealgate',
      version,
      description:
        'An authenticating gateway in front of private inference: sealed bodies pass unread, and what is kept for a caller is the caller’s alone.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [{ url: '/', description: 'This gateway.' }],
    tags: [
      { name: 'inference', description: 'What a backend answers.' },
      { name: 'conversations', description: 'What is kept for a caller, at a backend that keeps things.' },
      { name: 'responses', description: 'Answers that are kept for a caller, at a backend that keeps things.' },
      { name: 'files', description: 'Files that are kept for a caller there.' },
      { name: 'accounts', description: 'Who is signed in, and what is theirs.' },
      { name: 'passed through', description: 'What the operator lets through to the backend that reads open bodies.' },
      { name: 'administration', description: 'What operators steer while it runs.' },
      { name: 'usage', description: 'What a caller used.' },
      { name: 'trust', description: 'What a client asks before it seals.' },
      { name: 'operation', description: 'Whether it lives, and can serve.' },
      { name: 'documentation', description: 'This page, and the document behind it.' },
    ],
    paths,
    components: {
      securitySchemes: SECURITY,
      parameters: PARAMETERS,
      headers: HEADERS,
    },
  }
}

/** A route's path as the document writes it; what its rest is, no router names. */
export const templateOf = (path: string): string => path.replaceAll(/:(\w+)/g, '{$1}').replace(/\*$/, '{rest}')

function operation(method: string, path: string, detail: Detail): object {
  const {
    'x-codes': codes = [],
    'x-receipted': receipted = false,
    responses = {},
    parameters = [],
    security = [],
    ...said
  } = detail
  const bodiless = method === 'HEAD'
  // What a backend says of our key becomes a 502: these two are ours alone.
  const shared = (status: string) => 'default' in responses && status !== '401' && status !== '403'
  const brought = (answer: Answer, status: string) => withHeaders(answer, status, receipted)
  const answers = Object.entries(responses).map(([status, answer]) => [status, brought(answer, status)])
  const refusals = Object.entries(Object.groupBy(new Set([...ANYWHERE, ...codes]), statusOf)).map(
    ([status, together = []]) => [status, brought(refusal(together, { bodiless, shared: shared(status) }), status)],
  )
  return {
    ...said,
    operationId: [method.toLowerCase(), ...path.split(/\W+/).filter(Boolean)].join('_'),
    security,
    parameters: [parameter('RequestId'), ...parameters],
    responses: { ...Object.fromEntries(refusals), ...Object.fromEntries(answers) },
  }
}

interface Refusal {
  bodiless: boolean
  /** Whether the backend may answer with this status too, in its own words. */
  shared: boolean
}

function refusal(codes: readonly ProblemCode[], { bodiless, shared }: Refusal): Answer {
  const ours = `Refused: ${codes.map(code => `\`${code}\``).join(', ')}.`
  const description = shared ? `${ours} Or the backend's own answer.` : ours
  if (bodiless) return { description }
  const [code = 'internal'] = codes
  const example = { error: { message: 'What is wrong, in words.', type: typeOf(code), param: null, code } }
  const schema = errorSchema(codes)
  const either = shared ? { anyOf: [schema, { type: 'object', description: "The backend's own." }] } : schema
  return { description, content: { 'application/json': { schema: either, example } } }
}

/** An answer with the headers that every answer has, and those that its status brings along. */
function withHeaders(answer: Answer, status: string, receipted: boolean): Answer {
  // Nobody has a receipt before it is known who they are.
  const named: readonly HeaderName[] = receipted && status !== '401' ? ['X-Receipt-Id'] : []
  return { ...answer, headers: { ...headers([...ALWAYS, ...named, ...(BROUGHT[status] ?? [])]), ...answer.headers } }
}

function errorSchema(codes: readonly ProblemCode[]): object {
  const properties = {
    message: { type: 'string', description: 'What is wrong, and the way out.' },
    type: { type: 'string', enum: [...new Set(codes.map(typeOf))] },
    param: { type: 'string', nullable: true },
    code: { type: 'string', enum: codes },
  }
  const error = { type: 'object', required: Object.keys(properties), properties }
  return { type: 'object', required: ['error'], properties: { error } }
}
