import { randomBytes } from 'node:crypto'
import { readOrMakeKeyFile } from './key-file.ts'
import { deriveKeys, fittingKeys, KeyFault, type Keys, marksOf, recordKeys } from './keys.ts'
import { openPostgres, type PostgresOptions } from './postgres.ts'
import { openSqlite } from './sqlite.ts'
import type { Store } from './store.ts'

interface Given {
  /** `sqlite:FILE`, `sqlite::memory:` or `postgres://…`. */
  url: string
  dataKey: Uint8Array | undefined
  identityKey: Uint8Array | undefined
}

/**
 * Opens the database and the keys that fit it: read, compare, and only then write.
 * @throws StoreFault when the database cannot be used.
 * @throws KeyFault when a key is not the one it was written with; nothing has been written then.
 */
export async function openStore({ url, dataKey, identityKey }: Given): Promise<{ store: Store; keys: Keys }> {
  const store = await openDatabase(url)
  try {
    const given = { root: dataKey ?? rootBeside(sqlitePathOf(url), store), identityKey }
    const keys = store.isNew
      ? deriveKeys({ root: given.root, overrides: { identity: identityKey } })
      : fittingKeys(await marksOf(store), given)
    await store.migrate()
    await recordKeys(store, keys)
    // Another process with another key may have come first to the new database, or a rekey to an old one.
    return { store, keys: fittingKeys(await marksOf(store), given) }
  } catch (error) {
    await store.close()
    throw error
  }
}

/** Opens a database by its URL, whichever engine it names, without looking at its keys. @throws StoreFault */
export function openDatabase(url: string, options?: PostgresOptions): Promise<Store> {
  const path = sqlitePathOf(url)
  return path === undefined ? openPostgres(url, options) : openSqlite(path)
}

/** The file that a URL of SQLite names; `undefined` for another engine's. */
export function sqlitePathOf(url: string): string | undefined {
  return /^sqlite:(.+)/s.exec(url)?.[1]
}

function rootBeside(path: string | undefined, store: Store): Uint8Array {
  if (!path) throw new KeyFault('DATA_KEY is required with PostgreSQL: make one with `openssl rand -hex 32`.')
  return path === ':memory:' ? randomBytes(32) : readOrMakeKeyFile(`${path}.key`, { make: store.isNew })
}
