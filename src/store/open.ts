import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import type { IdentitySource, KeySource } from '../protocol/secret.ts'
import { readOrMakeKeyFile } from './key-file.ts'
import { deriveKeys, fittingKeys, KeyFault, type Keys, marksOf, recordKeys } from './keys.ts'
import type { PostgresOptions } from './postgres.ts'
import { openSqlite } from './sqlite.ts'
import type { Store } from './store.ts'

interface Given {
  /** `sqlite:FILE`, `sqlite::memory:` or `postgres://…`. */
  url: string
  /** The root, where it is given by hand: it goes before any other. */
  dataKey: Uint8Array | undefined
  /** The root that the guest agent of a TEE gives. Where there is one no key file is read or made. */
  agentKey?: Uint8Array | undefined
  identityKey: Uint8Array | undefined
  /** What connections are given, where it is PostgreSQL. */
  postgres?: PostgresOptions | undefined
}

interface Opened {
  store: Store
  keys: Keys
  keySource: KeySource
  identitySource: IdentitySource
}

/**
 * Opens the database and the keys that fit it: read, compare, and only then write.
 * @throws StoreFault when the database cannot be used.
 * @throws KeyFault when a key is not the one it was written with; nothing has been written then.
 */
export async function openStore({ url, dataKey, agentKey, identityKey, postgres }: Given): Promise<Opened> {
  const store = await openDatabase(url, postgres)
  try {
    const path = sqlitePathOf(url)
    const { root, keySource } = rootAmong({ dataKey, agentKey }, path, store)
    const given = { root, identityKey, wrongRoot: keySource === 'dstack' ? wrongAgent(path) : undefined }
    const keys = store.isNew
      ? deriveKeys({ root: given.root, overrides: { identity: identityKey } })
      : fittingKeys(await marksOf(store), given)
    await store.migrate()
    await recordKeys(store, keys)
    // Another process with another key may have come first to the new database, or a rekey to an old one.
    const marks = await marksOf(store)
    const identitySource = marks.wrapped === undefined ? (identityKey ? 'given' : 'root') : 'kept'
    return { store, keys: fittingKeys(marks, given), keySource, identitySource }
  } catch (error) {
    await store.close()
    throw error
  }
}

/** Opens a database by its URL, whichever engine it names, without looking at its keys. @throws StoreFault */
export async function openDatabase(url: string, options?: PostgresOptions): Promise<Store> {
  const path = sqlitePathOf(url)
  if (path !== undefined) return openSqlite(path)
  // The runtime's client alone would be a tenth of a start.
  return (await import('./postgres.ts')).openPostgres(url, options)
}

/** The file that a URL of SQLite names; `undefined` for another engine's. */
export function sqlitePathOf(url: string): string | undefined {
  return /^sqlite:(.+)/s.exec(url)?.[1]
}

function rootAmong(
  { dataKey, agentKey }: Pick<Given, 'dataKey' | 'agentKey'>,
  path: string | undefined,
  { isNew }: Store,
): { root: Uint8Array; keySource: KeySource } {
  if (dataKey) return { root: dataKey, keySource: 'DATA_KEY' }
  if (agentKey) return { root: agentKey, keySource: 'dstack' }
  if (path === undefined) throw new KeyFault(NO_KEY)
  if (path === ':memory:') return { root: randomBytes(32), keySource: 'memory' }
  return { root: readOrMakeKeyFile(`${path}.key`, { make: isNew }), keySource: 'file' }
}

const NO_KEY =
  'DATA_KEY is required with PostgreSQL, for there is no guest agent of a TEE that gives a key: make one with `openssl rand -hex 32`, and keep a copy.'

/** A check value does not tell whose the right key is: a key file beside the database makes it likely. */
function wrongAgent(path: string | undefined): string {
  const way =
    path !== undefined && existsSync(`${path}.key`)
      ? `beside it lies ${path}.key, which is not read in a TEE. If that is the one, run \`sealgate rekey\` with DATA_KEY_PREVIOUS_FILE=${path}.key`
      : 'another application wrote it, or it had a DATA_KEY. If you have that, run `sealgate rekey` with it as DATA_KEY_PREVIOUS'
  return `The key that this TEE's guest agent gives is not the one this database was written with: ${way}; else use another DATABASE_URL. Nothing was written.`
}
