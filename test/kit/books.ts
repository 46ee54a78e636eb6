import type { Heard } from '../../src/dev/cloud/call.ts'
import { type CloudOptions, type StandInCloud, standInCloud } from '../../src/dev/cloud/server.ts'
import { type Clock, clockAt } from './clock.ts'
import { runOn } from './database.ts'
import { CLOUD_KEY, type Kit, type KitOptions, startGateway } from './gateway.ts'

/** Who owns what, and what is still to be done, as the database says it. */
interface Books {
  /** Of whomever. */
  readonly owned: readonly string[]
  readonly orphans: readonly string[]
  readonly makings: number
}

/** A gateway before a stand-in of the cloud, and what both of them have. */
export interface CloudGateway {
  readonly cloud: StandInCloud
  readonly heard: Heard[]
  readonly kit: Kit
  readonly clock: Clock
  /** Asks as a caller of that name; `line` is `POST /v1/conversations`. */
  ask(line: string, init?: RequestInit, subject?: string): Promise<Response>
  /** Begins a conversation and gives its id. */
  begin(subject?: string): Promise<string>
  books(): Promise<Books>
}

export const DUE_MS = 60_000
/** The same of a response: the kit waits ten minutes for an answer to begin. */
export const RESPONSE_DUE_MS = 600_000 + DUE_MS
export const CREATE = 'POST /v1/conversations'

/** Starts such pairs on a database, and stops them all. */
export function cloudGateways() {
  const running: { stop(): Promise<void> }[] = []
  const also = <T extends { stop(): Promise<void> }>(part: T): T => {
    running.push(part)
    return part
  }
  return {
    also,
    start: async (url: string, given: Partial<KitOptions> & { stand?: CloudOptions } = {}): Promise<CloudGateway> => {
      const heard: Heard[] = []
      const { stand, ...options } = given
      const cloud = also(await standInCloud({ key: CLOUD_KEY, entered: one => heard.push(one), ...stand }))
      return { cloud, heard, ...(await gatewayTo(url, cloud, options, also)) }
    },
    /** One more gateway to the same cloud. */
    another: (url: string, { cloud, clock }: Pick<CloudGateway, 'cloud' | 'clock'>) =>
      gatewayTo(url, cloud, { now: clock.now }, also),
    clear: async () => {
      for (const part of running.splice(0).reverse()) await part.stop()
    },
  }
}

async function gatewayTo(
  url: string,
  cloud: StandInCloud,
  options: Partial<KitOptions>,
  also: <T extends Kit>(kit: T) => T,
) {
  const clock = clockAt(Date.now())
  const { origin } = new URL(cloud.url)
  const where = options.path === undefined ? { database: url } : {}
  const kit = also(
    await startGateway({ upstream: origin, isSealing: false, cloud: origin, ...where, now: clock.now, ...options }),
  )
  const ask: CloudGateway['ask'] = async (line, init = {}, subject) => {
    const [method = '', path] = line.split(' ')
    return fetch(`${kit.url}${path}`, { method, ...init, headers: { ...(await kit.bearer(subject)), ...init.headers } })
  }
  return {
    kit,
    clock,
    ask,
    begin: async (subject?: string) => {
      const answer = await ask(CREATE, { body: '{}' }, subject)
      if (answer.status !== 201) throw new Error(`not begun: ${await answer.text()}`)
      return ((await answer.json()) as { id: string }).id
    },
    books: () => booksOf(url),
  }
}

/** What a database says of them. */
async function booksOf(url: string): Promise<Books> {
  const rows = await runOn<string | null>(url, 'SELECT id, owner FROM belongings ORDER BY created_at, id')
  const idsOf = (isOwned: boolean) => rows.flatMap(({ id, owner }) => (id && (owner !== null) === isOwned ? [id] : []))
  const [making] = await runOn<number>(url, 'SELECT count(*) AS n FROM makings')
  return { owned: idsOf(true), orphans: idsOf(false), makings: making?.['n'] ?? 0 }
}

/** What a cloud keeps. */
type Things = 'conversations' | 'responses' | 'files'

/** What is not right: things that nobody owns, those that somebody owns and are gone, and what is still to be done. */
export async function wrongIn(url: string, cloud: StandInCloud, kinds: readonly Things[] = ['conversations', 'files']) {
  const { owned: known, orphans, makings } = await booksOf(url)
  const there = kinds.flatMap(kind => cloud.ids(kind))
  const unlisted = await runOn<string>(
    url,
    "SELECT id FROM belongings WHERE kind = 'file' AND owner IS NOT NULL EXCEPT SELECT id FROM files",
  )
  return {
    ...(unlisted.length > 0 && { unlisted }),
    ...(there.some(id => !known.includes(id)) && { lost: there.filter(id => !known.includes(id)) }),
    ...(known.some(id => !there.includes(id)) && { gone: known.filter(id => !there.includes(id)) }),
    ...(orphans.length > 0 && { orphans }),
    ...(makings > 0 && { makings }),
  }
}
