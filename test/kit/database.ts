import { Database } from 'bun:sqlite'
import { SQL } from 'bun'
import { openStore } from '../../src/store/open.ts'

/** The key that tests open databases with: PostgreSQL has no place for one beside it. */
export const DATA_KEY = '5ea1'.repeat(16)

/** Opens a store as the gateway does, with the tests' key. */
export async function openTest(url: string) {
  return (await openStore({ url, dataKey: Buffer.from(DATA_KEY, 'hex'), identityKey: undefined })).store
}

/** Runs a statement on a connection of its own, as another program would; gives its rows, whole numbers as numbers. */
export async function runOn<T = unknown>(url: string, statement: string): Promise<Record<string, T>[]> {
  const rows = await (url.startsWith('sqlite:') ? runSqlite(url, statement) : runPostgres(url, statement))
  return rows.map(row => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, numbered(value) as T])))
}

type Row = Record<string, unknown>

// PostgreSQL's driver gives each BIGINT as text.
const numbered = (value: unknown) => (typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value)

function runSqlite(url: string, statement: string): Row[] {
  const file = new Database(url.replace('sqlite:', ''))
  file.run('PRAGMA busy_timeout = 5000')
  try {
    return file.query<Row, []>(statement).all()
  } finally {
    file.close()
  }
}

const clients = new Map<string, SQL>()

/** All looks at one server go by one connection, which is told the schema each time. */
async function runPostgres(url: string, statement: string): Promise<Row[]> {
  const server = new URL(url)
  const schema = server.searchParams.get('search_path') ?? 'public'
  server.search = ''
  const client = clients.get(server.href) ?? new SQL(server.href, { max: 1 })
  clients.set(server.href, client)
  return await client.begin(async connection => {
    await connection.unsafe(`SET LOCAL search_path = ${schema}`)
    return connection.unsafe(statement)
  })
}
