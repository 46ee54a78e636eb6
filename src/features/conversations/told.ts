import type { Exchange } from '../../protocol/exchange.ts'
import { Problem } from '../../protocol/problem.ts'
import type { Backend } from '../../upstream/backends.ts'
import type { OnBehalf } from '../../upstream/on-behalf.ts'
import { passedOn } from '../../upstream/passed-on.ts'

/** What the backend says of some conversations. */
export interface Told {
  /** As they came, by their ids. */
  readonly found: ReadonlyMap<string, object>
  /** Those that it has no longer. */
  readonly missing: readonly string[]
}

/** How many it tells of in one call. */
export const MOST_IDS = 1000

/** Asks the backend for conversations by their ids; gives its own answer where that is anything but a success. */
export type Tell = (ids: readonly string[], exchange: Exchange) => Promise<Told | Response>

interface Deps {
  onBehalf: OnBehalf
  backend: Backend
}

/** Asks in as many calls as it takes, all at once. @throws Problem `upstream_malformed`, or as {@link OnBehalf} */
export function tell({ onBehalf, backend }: Deps): Tell {
  async function call(ids: readonly string[], exchange: Exchange): Promise<Told | Response> {
    const body = JSON.stringify({ ids })
    const answer = await onBehalf.ask(exchange, { method: 'POST', path: '/v1/conversations/batch', body })
    exchange.headers['x-sealgate-backend'] = backend.name
    if (answer.status !== 200) return passedOn(answer, exchange, backend.name)
    return toldIn(await answer.bytes(), ids)
  }
  return async (ids, exchange) => {
    if (ids.length > 0) onBehalf.begin(exchange)
    const calls: Promise<Told | Response>[] = []
    for (let at = 0; at < ids.length; at += MOST_IDS) calls.push(call(ids.slice(at, at + MOST_IDS), exchange))
    const found = new Map<string, object>()
    const missing: string[] = []
    for (const told of await Promise.all(calls)) {
      if (told instanceof Response) return told
      for (const [id, entry] of told.found) found.set(id, entry)
      missing.push(...told.missing)
    }
    return { found, missing }
  }
}

/** What an answer says of exactly these; whatever else it says makes all of it doubtful. */
function toldIn(bytes: Uint8Array, ids: readonly string[]): Told {
  const { data, missing_ids: missing } = objectIn(bytes)
  if (!Array.isArray(data) || !Array.isArray(missing)) throw malformed('without "data" and "missing_ids"')
  const open = new Set<unknown>(ids)
  const isAsked = (id: unknown): id is string => open.delete(id)
  const found = new Map<string, object>()
  for (const entry of data) {
    const id: unknown = isObject(entry) ? entry['id'] : undefined
    if (!isAsked(id)) throw malformed('with something that was not asked for')
    found.set(id, entry)
  }
  if (!missing.every(isAsked)) throw malformed('with an id that was not asked for')
  return { found, missing }
}

function objectIn(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw malformed('with something that is not JSON', cause)
  }
  if (!isObject(value)) throw malformed('with something that is no object')
  return value
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function malformed(how: string, cause?: unknown): Problem {
  return new Problem('upstream_malformed', `The upstream answered a question for conversations ${how}.`, { cause })
}
