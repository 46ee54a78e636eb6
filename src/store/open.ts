import { randomBytes } from 'node:crypto'
import { readOrMakeKeyFile } from './key-file.ts'
import { deriveKeys, KeyFault, type Keys, recordKeys, verifyKeys } from './keys.ts'
import { openPostgres } from './postgres.ts'
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
  const path = /^sqlite:(.+)/s.exec(url)?.[1]
  const store = await (path ? openSqlite(path) : openPostgres(url))
  try {
    const root = dataKey ?? rootBeside(path, store)
    const keys = deriveKeys({ root, overrides: { identity: identityKey } })
    if (!store.isNew) await verifyKeys(store, keys)
    await store.migrate()
    await recordKeys(store, keys)
    // Another process with another key may have come first to the new database.
    await verifyKeys(store, keys)
    return { store, keys }
  } catch (error) {
    await store.close()
    throw error
  }
}

function rootBeside(path: string | undefined, store: Store): Uint8Array {
  if (!path) throw new KeyFault('DATA_KEY is required with PostgreSQL: make one with `openssl rand -hex 32`.')
  return path === ':memory:' ? randomBytes(32) : readOrMakeKeyFile(`${path}.key`, { make: store.isNew })
}
