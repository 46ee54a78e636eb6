import { join } from 'node:path'
import { runOn } from '../../test/kit/database.ts'
import { postgresServer } from '../../test/kit/postgres.ts'
import { spread, type Table, times } from '../figures.ts'
import { BOTH_CORES, type Subject } from '../parts.ts'
import { treeCpuMicroseconds } from '../proc.ts'
import { load } from '../wrk.ts'
import { type Cast, inTurn } from './cast.ts'

const [SECONDS, WARM_SECONDS] = [1, 5]
const CONNECTIONS = 32

/** A way to be asked, that differs from the headline in one thing. */
interface Kind {
  readonly name: string
  readonly subject: Subject
  readonly authorization: string | readonly string[]
  readonly isSealed?: boolean
  readonly core?: string
}

/** The governed small chat, and the same with another caller, body, engine or number of processes. */
export async function kinds(cast: Cast): Promise<Table> {
  const { on } = cast
  const postgres = await postgresServer()
  try {
    const all = await cases(cast, postgres.url)
    const round = async ({ subject, ...how }: Kind, seconds = SECONDS) => {
      const before = treeCpuMicroseconds(subject.pid)
      const options = { ...how, directory: cast.directory, connections: CONNECTIONS, seconds }
      const { requests, rate, failed } = await load(subject, options)
      return { rate, failed, cpu: (treeCpuMicroseconds(subject.pid) - before) / requests }
    }
    for (const kind of all) await round(kind, WARM_SECONDS)
    const found = await inTurn(all, cast.rounds * 2, kind => round(kind))
    const of = (at: number, figure: 'rate' | 'cpu' | 'stolen') => (found[at] ?? []).map(each => each[figure])
    for (const subject of new Set(all.map(({ subject }) => subject))) await on.end(subject)
    return {
      title: `small chats, ${CONNECTIONS} at once; each line differs from the first in what it names`,
      rows: all.map(({ name }, at) => ({
        name,
        'requests/s': spread(of(at, 'rate')),
        'CPU µs/request': spread(of(at, 'cpu')),
        '× the first': times(of(at, 'cpu'), of(0, 'cpu')),
        'stolen %': spread(of(at, 'stolen')),
        failed: (found[at] ?? []).reduce((sum, { failed }) => sum + failed, 0),
      })),
    }
  } finally {
    await postgres.stop()
  }
}

async function cases({ on, directory }: Cast, database: string): Promise<Kind[]> {
  const port = 7681
  const [open, sealed] = [await on.answering(port), await on.answering(port + 1, 'sealed')]
  const jwt = on.authorization
  const governed = await on.sealgate(open, port + 2)
  // Dev mode for its sign-in; all else is as governed.
  const people = await on.sealgate(open, port + 3, { DEV_MODE: 'true', ALLOW_PLAINTEXT: 'true' })
  const bare = await on.sealgate(open, port + 8, { MIMALLOC_PURGE_DELAY: undefined })
  const { session, key } = await signedIn(people.url)
  const workers = { WORKERS: '2', DATA_KEY: '5ea1'.repeat(16) }
  const schemas = ['one', 'two']
  for (const schema of schemas) await runOn(database, `CREATE SCHEMA ${schema}`)
  const on2 = (name: string) => ({ DATABASE_URL: `${database}?search_path=${name}`, DATA_KEY: workers.DATA_KEY })
  const sqlite = { DATABASE_URL: `sqlite:${join(directory, 'two.db')}` }
  const both = { core: BOTH_CORES, authorization: jwt }
  return [
    { name: 'governed: JWT, SQLite, open body, one process', subject: governed, authorization: jwt },
    { name: '2,000 callers', subject: governed, authorization: await on.callers(2000) },
    { name: 'session', subject: people, authorization: session },
    { name: 'API key', subject: people, authorization: key },
    { name: 'sealed body', subject: await on.sealgate(sealed, port + 4), authorization: jwt, isSealed: true },
    { name: 'without the image’s environment', subject: bare, authorization: jwt },
    { name: 'PostgreSQL', subject: await on.sealgate(open, port + 5, on2('one')), authorization: jwt },
    { name: 'two workers', subject: await on.sealgate(open, port + 6, { ...workers, ...sqlite }, BOTH_CORES), ...both },
    {
      name: 'two workers, PostgreSQL',
      subject: await on.sealgate(open, port + 7, { ...workers, ...on2('two') }, BOTH_CORES),
      ...both,
    },
  ]
}

async function signedIn(url: string) {
  const { session_token } = await post(`${url}/v1/auth/mock-login`, { email: 'ada@bench.example' })
  const session = `Bearer ${session_token}`
  const { key } = await post(`${url}/v1/users/me/keys`, { name: 'bench' }, session)
  return { session, key: `Bearer ${key}` }
}

async function post(url: string, body: object, authorization?: string): Promise<Record<string, string>> {
  const headers = { 'content-type': 'application/json', ...(authorization && { authorization }) }
  return Object(await (await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).json())
}
