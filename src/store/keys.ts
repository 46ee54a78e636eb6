import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { keyChecks, wrappedKeys } from './schema.ts'
import type { Store } from './store.ts'
import { wrapping } from './wrapping.ts'

/** What a key is for. Each role has a key of its own, so that one that leaks opens nothing else. */
export type Role = 'identity' | 'cache' | 'fields' | 'lookup' | 'browser' | 'ed25519' | 'ecdsa'
const ROLES: readonly Role[] = ['identity', 'cache', 'fields', 'lookup', 'browser', 'ed25519', 'ecdsa']
/** The roles whose keys the database hangs on. The cache's is none: whoever replaces DATA_KEY keeps the rest. */
const CHECKED = ['fields', 'identity'] as const
/** Has a check value while a rekey is unfinished: that of the fields key it leads to. */
export const REKEY = 'rekey'

/** The key of each role, 32 bytes. */
export type Keys = Readonly<Record<Role, Uint8Array>>

/** A key that does not fit the database; the message says which and the way out. */
export class KeyFault extends Error {
  override readonly name = 'KeyFault'
}

interface Given {
  /** The root secret, 32 bytes. */
  root: Uint8Array
  /** The identity key, where it is given by hand. */
  identityKey: Uint8Array | undefined
  /** What to say of a root that does not fit, where it was not given as DATA_KEY. */
  wrongRoot?: string | undefined
}

interface Sources {
  root: Uint8Array
  /** Keys that stand in place of derived ones. */
  overrides: Partial<Record<Role, Uint8Array | undefined>>
}

/** Derives every role's key from the root secret: HKDF-SHA256 (RFC 5869), no salt, the role as info. */
export function deriveKeys({ root, overrides }: Sources): Keys {
  const keys = ROLES.map(role => {
    const derived = new Uint8Array(hkdfSync('sha256', root, '', `sealgate ${role} v1`, 32))
    return [role, overrides[role] ?? derived] as const
  })
  return Object.fromEntries(keys) as Keys
}

/** What a database tells of its keys. */
export interface Marks {
  /** The check values, by role. */
  readonly checks: ReadonlyMap<string, string>
  /** The identity key, wrapped under the root, once a rekey has stored it. */
  readonly wrapped: string | undefined
}

/** Reads what the database tells of its keys. */
export async function marksOf({ db, ask }: Store): Promise<Marks> {
  const rows = await ask(() => db.select().from(keyChecks).prepare().execute())
  const checks = new Map(rows.map(({ role, value }) => [role, value]))
  // Older schemas have neither this check value nor the table of wrapped keys.
  const keys = checks.has('fields') ? await ask(() => db.select().from(wrappedKeys).prepare().execute()) : []
  return { checks, wrapped: keys.find(({ role }) => role === 'identity')?.value }
}

/**
 * The keys in force: derived, but for an identity key that is given by hand or that a rekey has stored.
 * @throws KeyFault when one is not the key this database was written with, or a rekey is unfinished.
 */
export function fittingKeys({ checks, wrapped }: Marks, { root, identityKey, wrongRoot }: Given): Keys {
  if (checks.has(REKEY))
    throw new KeyFault(
      'A rekey of this database was begun and is not finished: run `sealgate rekey` again with the same settings. Nothing was written.',
    )
  const stored = wrapped === undefined ? undefined : wrapping(root).unwrap('identity', wrapped)
  const keys = deriveKeys({ root, overrides: { identity: stored ?? identityKey } })
  if (!fits(checks, 'fields', keys.fields)) throw misfit('fields', wrongRoot)
  // Where one is stored it opens, or this is not the root; given by hand as well, it must be the same.
  if (wrapped !== undefined && !stored) throw misfit('identity')
  for (const identity of [keys.identity, identityKey ?? keys.identity])
    if (!fits(checks, 'identity', identity)) throw misfit('identity', checks.has('fields') ? undefined : wrongRoot)
  return keys
}

/** Writes the check value of every role that the database hangs on and that has none yet. */
export async function recordKeys(store: Store, keys: Keys): Promise<void> {
  const rows = CHECKED.map(role => ({ role, value: checkValue(keys[role]) }))
  await store.ask(() => store.db.insert(keyChecks).values(rows).onConflictDoNothing().prepare().execute())
}

/** Whether a key is the one whose check value the database has for that role, or it has none. */
export function fits(checks: Marks['checks'], role: string, key: Uint8Array): boolean {
  const value = checks.get(role)
  return value === undefined || timingSafeEqual(Buffer.from(checkValue(key)), Buffer.from(value))
}

/** What a key gives for a fixed text: tells it from others, and nothing of it. */
export function checkValue(key: Uint8Array): string {
  return createHmac('sha256', key).update('sealgate key check').digest('hex').slice(0, 32)
}

function misfit(role: Role, wrongRoot?: string): KeyFault {
  return new KeyFault(
    wrongRoot ??
      `The ${role} key is not the one this database was written with: give the DATA_KEY (or IDENTITY_HASH_KEY) it was made with, or use another DATABASE_URL. Nothing was written.`,
  )
}
