import { readFileSync } from 'node:fs'
import { signIn } from '../../../src/features/auth/sign-in.ts'
import { apiKeys } from '../../../src/gate/api-keys.ts'
import { sessions } from '../../../src/gate/sessions.ts'
import { userOwnerOf } from '../../../src/protocol/principal.ts'
import { fields } from '../../../src/store/fields.ts'
import { openStore } from '../../../src/store/open.ts'
import { DATA_KEY, runOn } from '../../../test/kit/database.ts'
import { postgresServer } from '../../../test/kit/postgres.ts'
import type { Gateway, Ground } from '../claim.ts'
import { portsTo } from '../process.ts'
import type { ChatBackend, Visit } from './backend.ts'

const GATEWAYS = 3
const WORKERS = 2
const LOOK_MS = 500

/** Several gateways of several workers on one PostgreSQL. */
export async function fleet(ground: Ground, backend: ChatBackend, env: Record<string, string>) {
  const { url: database } = ground.also(await postgresServer())
  const settings = {
    ...{ DATABASE_URL: database, DATA_KEY, WORKERS: String(WORKERS), METRICS_ADDR: 'off', ADMIN_SCOPE: 'admin' },
    ...{ OPENAI_BASE_URL: backend.url, OPENAI_API_KEY: 'prove', ...env },
  }
  // All at once, and the database is new.
  const starting = Array.from({ length: GATEWAYS }, () => ground.gateway(backend.url.replace('/v1', ''), settings))
  const gateways = await Promise.all(starting)
  await Promise.all(gateways.map(({ says }) => says(/listening port=\d+ worker=1\n/)))
  const workers = () => gateways.flatMap(workersOf)
  const seen = sightings(workers, backend)
  ground.also({ stop: seen.stop })
  return {
    gateways,
    urls: gateways.map(({ url }) => url),
    workers,
    workerOf: seen.workerOf,
    population: await population(database),
    rows: <T>(statement: string) => runOn<T>(database, statement),
  }
}

export type Fleet = Awaited<ReturnType<typeof fleet>>

/** The process ids of a gateway's workers. */
export const workersOf = ({ pid }: Gateway): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)

/** Which worker's a connection to the backend is, looked for while it is open. */
function sightings(workers: () => number[], backend: ChatBackend) {
  const known = new Map<number, number>()
  let seenUpTo = 0
  const portsOf = (pid: number) => {
    try {
      return portsTo(backend.port, pid)
    } catch {
      return [] // killed meanwhile
    }
  }
  const look = () => {
    const fresh = [...backend.visits.values()].slice(seenUpTo).filter(({ connection }) => !known.has(connection))
    seenUpTo = backend.visits.size
    if (fresh.length === 0) return
    const owners = new Map(workers().flatMap(pid => portsOf(pid).map(port => [port, pid])))
    for (const { connection, port } of fresh) {
      const pid = owners.get(port)
      if (pid !== undefined) known.set(connection, pid)
    }
  }
  const timer = setInterval(look, LOOK_MS)
  return {
    /** Whose request it was, as far as it was seen. */
    workerOf: (visit: Visit | undefined) => known.get(visit?.connection ?? 0),
    stop: () => clearInterval(timer),
  }
}

/** Somebody who signed in, and has a key. */
export interface Person {
  readonly name: string
  readonly owner: string
  readonly session: { readonly id: string; readonly authorization: string }
  readonly key: { readonly id: string; readonly authorization: string }
}

/** Signs people in where their gateways will find them: in the database, without a provider. */
async function population(url: string) {
  const { store, keys } = await openStore({ url, dataKey: Buffer.from(DATA_KEY, 'hex'), identityKey: undefined })
  const deps = { store, fields: fields(keys.fields), now: Date.now, log: () => undefined }
  const all = sessions({ ...deps, days: { idle: 30, most: 90 } })
  const begin = signIn({ ...deps, lookupKey: keys.lookup, sessions: all })
  const made = apiKeys(deps)
  return {
    person: async (name: string): Promise<Person> => {
      const { user, session } = await begin({ email: `${name}@example.com`, name: null, avatarUrl: null })
      const { id, key } = await made.make(user, { name: 'prove', expiresAt: null })
      return {
        ...{ name, owner: userOwnerOf(user) },
        session: { id: session.id, authorization: `Bearer ${session.token}` },
        key: { id, authorization: `Bearer ${key}` },
      }
    },
    close: store.close,
  }
}
