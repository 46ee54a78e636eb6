import { randomBytes } from 'node:crypto'
import { readOrMakeKeyFile } from './key-file.ts'
import { deriveKeys, fittingKeys, type Keys, marksOf, recordKeys } from './keys.ts'
import { openSqlite } from './sqlite.ts'
import type { Store } from './store.ts'

interface Given {
  /** A SQLite file, or `:memory:`. */
  path: string
  dataKey: Uint8Array | undefined
  identityKey: Uint8Array | undefined
}

/**
 * Opens the database and the keys that fit it: read, compare, and only then write.
 * @throws StoreFault when the database cannot be used.
 * @throws KeyFault when a key is not the one it was written with; nothing has been written then.
 */
export async function openStore({ path, dataKey, identityKey }: Given): Promise<{ store: Store; keys: Keys }> {
  const store = await openSqlite(path)
  try {
    const given = { root: dataKey ?? rootBeside(path, store), identityKey }
    const keys = store.isNew
      ? deriveKeys({ root: given.root, overrides: { identity: identityKey } })
      : fittingKeys(await marksOf(store), given)
    await store.migrate()
    await recordKeys(store, keys)
    // Another process with another key may have come first to the new database, or a rekey to an old one.
    return { store, keys: fittingKeys(await marksOf(store), given) }
  } catch (error) {
    store.close()
    throw error
  }
}

function rootBeside(path: string, store: Store): Uint8Array {
  return path === ':memory:' ? randomBytes(32) : readOrMakeKeyFile(`${path}.key`, { make: store.isNew })
}
