import { afterAll, beforeAll, expect, test } from 'bun:test'
import { Ajv } from 'ajv'
import {
  type Arbitrary,
  assert,
  asyncProperty,
  constant,
  constantFrom,
  dictionary,
  json,
  jsonValue,
  oneof,
  option,
  record,
  string,
  stringMatching,
  tuple,
  uint8Array,
} from 'fast-check'
import { type StandInEnclave, standInEnclave } from '../../src/dev/enclave.ts'
import { engines } from '../kit/engines.ts'
import { type Kit, startGateway, UPSTREAM_KEY } from '../kit/gateway.ts'
import { type Caller, type Owning, owning } from '../kit/owning.ts'
import { APP, standInProvider } from '../kit/sign-in.ts'
import { standInTee } from '../kit/tee.ts'

interface Schema {
  readonly type?: string
  readonly pattern?: string
  readonly format?: string
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
}
type Content = Readonly<Record<string, { schema: Schema; example?: unknown }>>
interface Operation {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly security: readonly Readonly<Record<string, unknown>>[]
  readonly parameters: readonly { $ref: string }[]
  readonly requestBody?: { content: Content }
  readonly responses: Readonly<Record<string, { content?: Content }>>
}
interface Parameter {
  readonly name: string
  readonly in: string
  readonly schema: Schema
  readonly example?: string
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly parameters: Readonly<Record<string, Parameter>> }
}
/** A request as it will be sent. */
interface Shot {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array<ArrayBuffer> | FormData | null
}

// The document is asked for before the tests are named after its operations.
const enclave: StandInEnclave = await standInEnclave({ key: UPSTREAM_KEY, pace: 0 })
const kit: Kit = await startGateway({
  upstream: enclave.url,
  burst: 1000,
  mockLogin: true,
  tee: standInTee().tee,
  admins: { emails: ['ada@example.com'] },
  proxies: ['127.0.0.1/32'],
  signIn: () => ({ frontendUrl: APP, providers: [standInProvider()] }),
})
const { authorization } = await kit.bearer()
const { authorization: unscoped } = await kit.bearer('ada', 'other')
const documentOf = async ({ url }: Kit) => (await (await fetch(`${url}/api-docs/openapi.json`)).json()) as Document
const document = await documentOf(kit)
// Where a cloud is, open bodies go there: what it keeps is asked of another gateway.
const keeping: Owning = await owning(await engines[0]!.fresh(), { isSealing: false })
const ada: Caller = await keeping.jwt('ada')
const ajv = new Ajv({ strict: false, formats: { binary: true, date: true, 'date-time': true, uuid: true } })

beforeAll(async () => {
  // The first token makes the gateway fetch its keys.
  await fetch(`${kit.url}/v1/models`, { headers: { authorization } })
})
afterAll(async () => {
  await kit.stop()
  await keeping.stop()
  await enclave.stop()
})

const RUNS = 40
const operationsOf = ({ paths }: Document) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [method.toUpperCase(), path, operation] as const),
  )
const isKept = ({ tags }: Operation) => tags.some(tag => tag === 'conversations' || tag === 'files')
const operations = [
  ...operationsOf(document),
  ...operationsOf(await documentOf(keeping.kit)).filter(([, , operation]) => isKept(operation)),
]
const word = string({ unit: 'grapheme-ascii', maxLength: 40 }).map(text => text.trim())

function fitting(schema: Schema): Arbitrary<unknown> {
  if (schema.pattern) return stringMatching(new RegExp(schema.pattern))
  if (schema.type === 'boolean') return constantFrom(true, false)
  if (schema.type === 'array') return constantFrom([{ role: 'user', content: 'Hello' }], [{}])
  if (schema.type !== 'object') return string({ maxLength: 40 })
  const properties = Object.entries(schema.properties ?? {}).map(([name, it]) => [name, fitting(it)] as const)
  return record(Object.fromEntries(properties), { requiredKeys: [...(schema.required ?? [])] })
}

function bodies({ requestBody }: Operation): Arbitrary<Pick<Shot, 'headers' | 'body'>> {
  const [[mediaType, { schema, example }] = ['', { schema: {}, example: undefined }]] = Object.entries(
    requestBody?.content ?? {},
  )
  if (!mediaType) return constant({ headers: {}, body: null })
  if (mediaType.startsWith('multipart/')) return fitting(schema).map(fields => ({ headers: {}, body: form(fields) }))
  const headers = { 'content-type': mediaType }
  return oneof(constant(example), fitting(schema)).map(value => ({ headers, body: JSON.stringify(value) }))
}

function form(fields: unknown): FormData {
  const data = new FormData()
  for (const [name, value] of Object.entries(Object(fields))) data.append(name, String(value))
  return data
}

/** Requests as the document describes them, without the headers that name an enclave or claim a seal. */
function valid(path: string, operation: Operation): Arbitrary<Shot> {
  const named = parametersOf(operation)
    .filter(it => it.in === 'header' && !/^(ehbp-|x-tinfoil-enclave)/i.test(it.name))
    .map(it => [it.name, word] as const)
  const asked = parametersOf(operation).filter(it => it.in === 'query' && (it.schema.pattern || it.example))
  const query = record(
    Object.fromEntries(asked.map(({ name, schema, example }) => [name, example ? constant(example) : fitting(schema)])),
  )
  const signed: Record<string, string> = operation.security.length > 0 ? { authorization: OWN } : {}
  return record({
    passed: record(Object.fromEntries(named), { requiredKeys: [] }),
    sent: bodies(operation),
    query,
  }).map(({ passed, sent, query }) => ({
    path: asked.length > 0 ? `${path}?${new URLSearchParams(query as Record<string, string>)}` : path,
    headers: { ...passed, ...sent.headers, ...signed } as Shot['headers'],
    body: sent.body,
  }))
}

const parametersOf = ({ parameters }: Operation) =>
  parameters.flatMap(({ $ref }) => document.components.parameters[$ref.split('/').at(-1) ?? ''] ?? [])

/** The same with something amiss: the token, a header, the query, the body. */
function mutated(path: string, operation: Operation): Arbitrary<Shot> {
  const strange = record(
    {
      authorization: constantFrom(unscoped, 'Bearer', 'Basic eA==', `${authorization}x`, authorization.toLowerCase()),
      'ehbp-encapsulated-key': oneof(word, stringMatching(/^[0-9a-f]{64}$/)),
      'x-tinfoil-enclave-url': oneof(
        word,
        constantFrom('https://evil.example', 'https://inference.tinfoil.sh@evil.example'),
      ),
      'content-type': constantFrom('text/plain', 'application/json; charset=utf-16', 'multipart/form-data'),
      'idempotency-key': word,
    },
    { requiredKeys: [] },
  )
  const others = dictionary(stringMatching(/^x-[a-z]{1,9}$/), word, { maxKeys: 3 })
  const bytes = oneof(
    uint8Array({ maxLength: 200 }),
    json(),
    jsonValue().map(value => JSON.stringify(value)),
  )
  const query = option(
    tuple(constantFrom('', 'start=', 'end=', 'start=2026-01-01&end=', 'state=', 'frontend_callback='), word).map(
      ([name, text]) => `${name}${encodeURIComponent(text)}`,
    ),
    { nil: '' },
  )
  return record({ base: valid(path, operation), strange, others, body: option(bytes, { nil: undefined }), query }).map(
    ({ base, strange, others, body, query }) => ({
      path: query ? base.path + (base.path.includes('?') ? '&' : '?') + query : path,
      headers: { ...base.headers, ...others, ...(strange as Record<string, string>) },
      body: base.body === null ? null : ((body as Shot['body']) ?? base.body),
    }),
  )
}

/** Stands for a token of the kind that the operation takes, of its own for each request: some end what they came by. */
const OWN = 'Bearer its-own'

interface Own {
  readonly url: string
  readonly token: string
  /** By their names in the path. */
  readonly ids: Readonly<Record<string, string>>
}

async function ownOf(operation: Operation, path: string): Promise<Own> {
  if (isKept(operation)) return { url: keeping.kit.url, token: ada.headers.authorization, ids: await keptIds(path) }
  const { url } = kit
  if (path.includes('/receipts/')) {
    const { headers } = await fetch(`${url}/v1/models`, { headers: { authorization } })
    return { url, token: authorization, ids: { id: headers.get('x-receipt-id') ?? '' } }
  }
  if (!operation.security.some(scheme => 'session' in scheme)) return { url, token: authorization, ids: {} }
  const { authorization: token, session, user } = await kit.signIn()
  if (path.includes('/admin/users/')) return { url, token, ids: { id: user } }
  if (path.includes('/admin/models/')) {
    const rule = { method: 'PATCH', headers: { authorization: token }, body: '{"stand-in-small":{}}' }
    await fetch(`${url}/v1/admin/models`, rule)
    return { url, token, ids: { rest: 'stand-in-small' } }
  }
  if (path.includes('/owners/')) {
    const owner = `j_${'0f'.repeat(16)}`
    const ban = { method: 'POST', headers: { authorization: token }, body: '{"reason":"x"}' }
    await fetch(`${url}/v1/admin/owners/${owner}/ban`, ban)
    return { url, token, ids: { owner } }
  }
  if (!path.includes('/keys/')) return { url, token, ids: { id: session } }
  const body = JSON.stringify({ name: 'x' })
  const made = await fetch(`${url}/v1/users/me/keys`, { method: 'POST', headers: { authorization: token }, body })
  return { url, token, ids: { id: ((await made.json()) as { id: string }).id } }
}

async function keptIds(path: string): Promise<Own['ids']> {
  if (!path.includes('{id}')) return {}
  if (path.includes('/files/')) return { id: await keeping.filed(ada) }
  const id = await keeping.begun(ada)
  if (!path.includes('{item}')) return { id }
  const items = [{ role: 'user', content: 'Hello' }]
  const made = await keeping.behind(`POST conversations/${id}/items`, { items })
  const { data } = (await made.json()) as { data: { id: string }[] }
  return { id, item: data[0]?.id ?? '' }
}

let shots = 0

async function fire(method: string, operation: Operation, { path, headers, body }: Shot) {
  const { url, token, ids } = await ownOf(operation, path)
  const sent = Object.entries(headers).map(([name, value]): [string, string] => [name, value.replace(OWN, token)])
  // From ever another address, so that none is limited.
  shots++
  sent.push(['x-forwarded-for', `127.1.${shots >> 8}.${shots & 255}`])
  const target = url + path.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? 'x')
  const answer = await fetch(target, { method, headers: sent, body, redirect: 'manual' })
  const text = await answer.text()
  const { status } = answer
  // An enclave never answers 401 or 403: these must be declared as ours.
  const fallback = status === 401 || status === 403 ? undefined : operation.responses['default']
  const declared = operation.responses[status] ?? fallback
  const shown = `${method} ${path} ${JSON.stringify(headers)} → ${status} ${text.slice(0, 300)}`
  if (status >= 500) throw new Error(`a fault of ours: ${shown}`)
  if (!declared) throw new Error(`a status that is not declared: ${shown}`)
  const mediaType = answer.headers.get('content-type')?.split(';')[0] ?? ''
  if (!declared.content || method === 'HEAD') return { status, text }
  const media = declared.content[mediaType]
  if (!media) throw new Error(`a media type that is not declared, ${mediaType}: ${shown}`)
  const value: unknown = mediaType === 'application/json' ? JSON.parse(text) : text
  if (!ajv.validate(media.schema, value)) throw new Error(`${ajv.errorsText()}: ${shown}`)
  return { status, text }
}

test.each(operations)('%s %s answers as it is documented, whatever is sent', async (method, path, operation) => {
  const statuses = new Set<number>()
  const isWayBack = /auth\/(callback|token)$/.test(path)
  const sound = asyncProperty(valid(path, operation), async shot => {
    const { status } = await fire(method, operation, shot)
    statuses.add(status)
    // A request that fits is never refused for its token or its seal, though the enclave may know better; but where one
    // must have gone to a provider before.
    expect(isWayBack ? [403, 405, 408, 409] : [401, 403, 405, 408, 409]).not.toContain(status)
  })
  await assert(sound, { numRuns: RUNS })
  // The stand-in has no more than these; of the rest it says 404.
  if (!isWayBack && (method !== 'POST' || /chat\/completions$|users|mock|conversations/.test(path)))
    expect([...statuses].some(status => status < 400)).toBe(true)
  const amiss = asyncProperty(mutated(path, operation), async shot => {
    statuses.add((await fire(method, operation, shot)).status)
  })
  await assert(amiss, { numRuns: RUNS })
  if (operation.security.length > 0) expect([...statuses]).toContain(401)
})
