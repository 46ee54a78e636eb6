import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { keyChecks } from './schema.ts'
import type { Store } from './store.ts'

/** What a key is for. Each role has a key of its own, so that one that leaks opens nothing else. */
export type Role = 'identity' | 'cache' | 'fields' | 'lookup'
const ROLES: readonly Role[] = ['identity', 'cache', 'fields', 'lookup']
/** The roles whose keys the database hangs on. The cache's is none: whoever replaces DATA_KEY keeps the rest. */
const CHECKED: readonly Role[] = ['identity', 'fields']

/** The key of each role, 32 bytes. */
export type Keys = Readonly<Record<Role, Uint8Array>>

/** A key that does not fit the database; the message says which and the way out. */
export class KeyFault extends Error {
  override readonly name = 'KeyFault'
}

interface Given {
  /** The root secret, 32 bytes. */
  root: Uint8Array
  /** Keys given by hand in place of derived ones. */
  overrides: Partial<Record<Role, Uint8Array | undefined>>
}

/** Derives every role's key from the root secret: HKDF-SHA256 (RFC 5869), no salt, the role as info. */
export function deriveKeys({ root, overrides }: Given): Keys {
  const keys = ROLES.map(role => {
    const derived = new Uint8Array(hkdfSync('sha256', root, '', `sealgate ${role} v1`, 32))
    return [role, overrides[role] ?? derived] as const
  })
  return Object.fromEntries(keys) as Keys
}

/**
 * Holds the keys against the check values in the database; reads only.
 * @throws KeyFault when one is not the key this database was written with.
 */
export async function verifyKeys(store: Store, keys: Keys): Promise<void> {
  for (const { role, value } of await store.ask(() => store.db.select().from(keyChecks).execute())) {
    const key = keys[role as Role]
    if (key && !timingSafeEqual(Buffer.from(checkValue(key)), Buffer.from(value)))
      throw new KeyFault(
        `The ${role} key is not the one this database was written with: give the DATA_KEY (or IDENTITY_HASH_KEY) it was made with, or use another DATABASE_URL. Nothing was written.`,
      )
  }
}

/** Writes the check value of every role that the database hangs on and that has none yet. */
export async function recordKeys(store: Store, keys: Keys): Promise<void> {
  const rows = CHECKED.map(role => ({ role, value: checkValue(keys[role]) }))
  await store.ask(() => store.db.insert(keyChecks).values(rows).onConflictDoNothing().execute())
}

function checkValue(key: Uint8Array): string {
  return createHmac('sha256', key).update('sealgate key check').digest('hex').slice(0, 32)
}
