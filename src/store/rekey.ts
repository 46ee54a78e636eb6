import { eq } from 'drizzle-orm'
import { type Place, tagOf } from './fields.ts'
import {
  checkValue,
  deriveKeys,
  fits,
  fittingKeys,
  KeyFault,
  type Keys,
  type Marks,
  marksOf,
  REKEY,
  recordKeys,
} from './keys.ts'
import { type Progress, resealing } from './resealing.ts'
import { keyChecks, wrappedKeys } from './schema.ts'
import { type Store, StoreFault } from './store.ts'
import { wrapping } from './wrapping.ts'

interface Roots {
  /** The root secret to come, 32 bytes. */
  root: Uint8Array
  /** The one in force. */
  previous: Uint8Array
  /** The identity key, where it is given by hand. */
  identityKey: Uint8Array | undefined
}

interface Deps extends Roots {
  store: Store
  /** Rows sealed anew in a transaction; 200 unless given. */
  batch?: number
  report: (progress: Progress) => void
  /** What a value becomes before the keys of the old root go, and of one that has become it, the same; as it is unless given. */
  leaving?: (place: Place, text: string) => string
}

/** Whether a root secret is already the one in force, and no rekey is unfinished. */
export async function isInForce(store: Store, { root, identityKey }: Omit<Roots, 'previous'>): Promise<boolean> {
  const marks = await marksOf(store)
  const { fields } = deriveKeys({ root, overrides: {} })
  if (marks.checks.has(REKEY) || !marks.checks.has('fields') || !fits(marks.checks, 'fields', fields)) return false
  fittingKeys(marks, { root, identityKey })
  return true
}

/**
 * Replaces the root secret of a database. Killed at any point it leaves one that the old root opens as before, or one
 * that nothing opens until this has run again:
 *
 * 1. All that is sealed is opened, and nothing written.
 * 2. One transaction wraps the identity key under the new root and records that a rekey was begun: no gateway starts.
 * 3. Batches of rows are sealed anew, each one transaction; a value's tag says which key it is under.
 * 4. The files are written anew, for overwritten values stay in them.
 * 5. One transaction replaces the check value and takes the record away.
 * Tells whether 4 went well. @throws KeyFault when a root does not fit; nothing has been written then.
 * @throws StoreFault when another process has the database open, or a value does not open.
 */
export async function rekey({
  store,
  report,
  leaving = (_, text) => text,
  batch = 200,
  ...roots
}: Deps): Promise<{ isCompact: boolean }> {
  const marks = await marksOf(store)
  const { from, to } = keysBetween(marks, roots)
  await store.migrate()
  await recordKeys(store, from)
  await holdAlone(store)
  const work = resealing({ store, from, to, batch, report, leaving })
  if (!marks.checks.has(REKEY)) {
    await work.check()
    await begin(store, roots.root, to)
    // A gateway that had read the marks just before has opened the database by now.
    await holdAlone(store)
  }
  await work.run()
  // On a disk too small for that a gateway must start all the same.
  const isCompact = await store.compact().then(
    () => true,
    () => false,
  )
  await finish(store, to)
  return { isCompact }
}

function keysBetween(marks: Marks, { root, previous, identityKey }: Roots): { from: Keys; to: Keys } {
  const [old, fresh] = [previous, root].map(root => deriveKeys({ root, overrides: {} })) as [Keys, Keys]
  if (tagOf(old.fields) === tagOf(fresh.fields)) throw new KeyFault(SAME_TAG)
  if (!fits(marks.checks, 'fields', old.fields)) throw new KeyFault(WRONG_PREVIOUS)
  if (!fits(marks.checks, REKEY, fresh.fields)) throw new KeyFault(OTHER_REKEY)
  const identity = marks.checks.has(REKEY)
    ? storedIdentity(marks, root, identityKey)
    : fittingKeys(marks, { root: previous, identityKey }).identity
  return { from: { ...old, identity }, to: { ...fresh, identity } }
}

/** The identity key that an unfinished rekey has wrapped under the new root. */
function storedIdentity({ checks, wrapped }: Marks, root: Uint8Array, given: Uint8Array | undefined): Uint8Array {
  const stored = wrapped === undefined ? undefined : wrapping(root).unwrap('identity', wrapped)
  if (!stored || !fits(checks, 'identity', stored) || !fits(checks, 'identity', given ?? stored))
    throw new KeyFault(WRONG_IDENTITY)
  return stored
}

async function holdAlone(store: Store): Promise<void> {
  if (!(await store.isAlone())) throw new StoreFault(NOT_ALONE)
}

async function begin(store: Store, root: Uint8Array, { identity, fields }: Keys): Promise<void> {
  const value = wrapping(root).wrap('identity', identity)
  const wrap = store.db
    .insert(wrappedKeys)
    .values({ role: 'identity', value })
    .onConflictDoUpdate({ target: wrappedKeys.role, set: { value } })
  const record = store.db.insert(keyChecks).values({ role: REKEY, value: checkValue(fields) })
  await store.atomically([wrap, record].map(statement => ({ statement: statement.prepare(), values: {} })))
}

async function finish(store: Store, { fields }: Keys): Promise<void> {
  const replace = store.db
    .update(keyChecks)
    .set({ value: checkValue(fields) })
    .where(eq(keyChecks.role, 'fields'))
  const forget = store.db.delete(keyChecks).where(eq(keyChecks.role, REKEY))
  await store.atomically([replace, forget].map(statement => ({ statement: statement.prepare(), values: {} })))
}

// One pair of keys in four thousand million.
const SAME_TAG = 'What the two keys seal could not be told apart: give another DATA_KEY. Nothing was written.'
const WRONG_PREVIOUS =
  'The previous key is not the one this database was written with: give that one as DATA_KEY_PREVIOUS. Nothing was written.'
const OTHER_REKEY =
  'A rekey of this database to another DATA_KEY was begun and is not finished: run `sealgate rekey` again with that DATA_KEY. Nothing was written.'
const WRONG_IDENTITY =
  'The identity key does not fit this database: leave IDENTITY_HASH_KEY out, or give the one it was made with. Nothing was written.'
const NOT_ALONE =
  'Another process has the database open: stop every gateway on it and run `sealgate rekey` again. No row was changed by this run.'
