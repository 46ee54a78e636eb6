import { downHeaders } from '../protocol/headers.ts'
import { type Log, wordsOf } from '../protocol/log.ts'
import { Problem } from '../protocol/problem.ts'
import type { Backend } from './backends.ts'
import type { Send } from './call.ts'
import type { Cooldown } from './cooldown.ts'
import { errand } from './errand.ts'
import type { Forward } from './forward.ts'
import { kept } from './kept.ts'
import { refusedKey } from './refused-key.ts'

interface Deps {
  /** In the order of the list. */
  backends: readonly Backend[]
  send: Send
  cooldown: Cooldown
  now: () => number
  log: Log
}

/** The models of several backends in one list, and who is in it. */
interface Union {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly backends: readonly string[]
}

type Entry = Readonly<Record<string, unknown>>

// All callers are told the same: it is our key that asks.
const KEPT_MS = 5000
// Whoever takes longer is not in it.
const WITHIN_MS = 10_000
// Nor whoever tells more: it is read in one turn, 6 MB of small entries in 230 ms (measured).
const MOST_BYTES = 4_194_304

/**
 * Answers with the models of all backends that tell theirs, each with the name of its backend; of the others the log tells.
 * @throws Problem as the first of them, where none does.
 */
export function allModels(deps: Deps): Forward {
  const union = kept({ load: unionOf(deps), now: deps.now, keptMs: KEPT_MS })
  return async ({ method }, exchange) => {
    exchange.hold()
    const { bytes, backends } = await union.get()
    const headers = downHeaders({ 'content-type': 'application/json', 'content-length': String(bytes.length) })
    headers['x-sealgate-body'] = 'plaintext'
    headers['x-sealgate-backend'] = backends.join(', ')
    return new Response(method === 'HEAD' ? null : bytes, { headers })
  }
}

/** Tells the ids of all models that any backend tells. @throws Problem as the first of them, where none does. */
export function modelIds(deps: Omit<Deps, 'now'>): () => Promise<readonly string[]> {
  const lists = listsOf(deps)
  return async () =>
    (await lists()).flatMap(({ entries }) => entries.flatMap(({ id }) => (typeof id === 'string' ? [id] : [])))
}

function unionOf(deps: Deps): () => Promise<Union> {
  const told = listsOf(deps)
  return async () => {
    const lists = await told()
    const data = lists.flatMap(({ name, entries }) => entries.map(entry => ({ ...entry, x_sealgate_backend: name })))
    // Read and written anew: a number beyond 2^53 in an entry would be rounded.
    const bytes = new TextEncoder().encode(JSON.stringify({ object: 'list', data }))
    return { bytes, backends: lists.map(({ name }) => name) }
  }
}

/** Asks all backends at once; gives the lists of those that tell theirs. */
function listsOf({ backends, send, cooldown, log }: Omit<Deps, 'now'>) {
  const inTime: Send = sent => send({ ...sent, withinMs: WITHIN_MS, maxBytes: MOST_BYTES })
  const sources = backends.map(backend => ({ backend, ask: errand({ backend, send: inTime }) }))
  return async () => {
    const asked = sources.map(async ({ backend: { name, base }, ask }) => {
      try {
        cooldown.check(base.origin)
        const answer = await ask({ method: 'GET', path: '/v1/models' })
        cooldown.heed(base.origin, { statusCode: answer.status, headers: Object.fromEntries(answer.headers) })
        return { name, entries: await entriesIn(answer) }
      } catch (error) {
        return { name, error }
      }
    })
    const told = await Promise.all(asked)
    const lists = told.flatMap(({ name, entries }) => (entries ? [{ name, entries }] : []))
    const failed = told.filter(({ entries }) => !entries)
    for (const { name, error } of failed) log('warn', 'models_failed', { backend: name, ...wordsOf(error) })
    if (lists.length === 0) throw failed[0]?.error
    return lists
  }
}

/** @throws Problem `upstream_credentials` or `upstream_malformed` */
async function entriesIn(answer: Response): Promise<readonly Entry[]> {
  const { status } = answer
  if (status === 401 || status === 402 || status === 403) throw refusedKey()
  const { data } = Object(status === 200 ? await answer.json().catch(() => undefined) : undefined)
  if (Array.isArray(data) && data.every(isEntry)) return data
  throw new Problem('upstream_malformed', `The upstream told no models: it answered with status ${status}.`)
}

function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
