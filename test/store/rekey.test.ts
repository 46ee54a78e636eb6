import { beforeAll, describe, expect, test } from 'bun:test'
import { copyFileSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { eq, sql } from 'drizzle-orm'
import { fields } from '../../src/store/fields.ts'
import { KeyFault } from '../../src/store/keys.ts'
import { openStore } from '../../src/store/open.ts'
import { isInForce, rekey } from '../../src/store/rekey.ts'
import type { Progress } from '../../src/store/resealing.ts'
import { apiKeys, userSettings } from '../../src/store/schema.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { type Store, StoreFault } from '../../src/store/store.ts'
import { freshDirectory } from '../kit/directory.ts'
import { people, peopleIn, sealedIn } from '../kit/people.ts'

const key = (byte: number) => new Uint8Array(32).fill(byte)
const [OLD, NEW, THIRD, BY_HAND] = [key(1), key(2), key(3), key(9)]
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const PEOPLE = 7
const batch = 3
const directory = freshDirectory()
const template = join(directory, 'template.db')
let copies = 0

beforeAll(async () => {
  const { store, keys } = await openStore({ url: `sqlite:${template}`, dataKey: OLD, identityKey: undefined })
  await people(store, keys, PEOPLE)
  await store.close()
})

/** A database of its own, full of people. */
function copy(): string {
  const path = join(directory, `${++copies}.db`)
  copyFileSync(template, path)
  return path
}

interface Options {
  root?: Uint8Array
  previous?: Uint8Array
  identityKey?: Uint8Array
  /** The write before which it is killed; it has as many as it needs unless told. */
  killedAt?: number
  progress?: Progress[]
}

class Killed extends Error {}

/** Replaces OLD by NEW; tells how many writes it took, or that it was killed before the last of them. */
async function run(path: string, options: Options = {}) {
  leave(path)
  return runOn(path, options)
}

/**
 * Puts a database's copy in its place, as if this process had never had it open: bun:sqlite closes a connection for good
 * only when its statements are collected.
 */
function leave(path: string): void {
  copyFileSync(path, `${path}.copy`)
  for (const beside of ['-wal', '-shm']) rmSync(`${path}${beside}`, { force: true })
  renameSync(`${path}.copy`, path)
}

async function runOn(path: string, { killedAt = Infinity, progress = [], ...options }: Options = {}) {
  const store = await openSqlite(path)
  let writes = 0
  const write = <T>(act: () => Promise<T>) => {
    if (writes === killedAt) throw new Killed()
    writes++
    return act()
  }
  const mortal: Store = { ...store, atomically: all => write(() => store.atomically(all)) }
  const roots = { root: NEW, previous: OLD, identityKey: undefined, ...options }
  try {
    await rekey({ store: mortal, ...roots, batch, report: told => progress.push(told) })
    return writes
  } catch (error) {
    if (error instanceof Killed) return 'killed'
    throw error
  } finally {
    await store.close()
  }
}

const opened = (path: string, dataKey: Uint8Array, identityKey?: Uint8Array) =>
  openStore({ url: `sqlite:${path}`, dataKey, identityKey })

/** How many people a gateway with that key finds; it finds the same callers as before. */
async function peopleWith(path: string, dataKey: Uint8Array): Promise<number> {
  const { store, keys } = await opened(path, dataKey)
  try {
    expect(hex(keys.identity)).toBe(hex((await opened(template, OLD)).keys.identity))
    return await peopleIn(store, keys)
  } finally {
    await store.close()
  }
}

async function faultOf(act: Promise<unknown>): Promise<Error> {
  const fault = await act.then(
    () => undefined,
    error => error,
  )
  if (!(fault instanceof Error)) throw new TypeError('it went well')
  return fault
}

async function valuesOf(path: string) {
  const store = await openSqlite(path)
  const values = await sealedIn(store)
  await store.close()
  return values
}

describe('a rekey', () => {
  test('leaves everything to the new key and nothing to the old one', async () => {
    const path = copy()
    await run(path)
    expect(await peopleWith(path, NEW)).toBe(PEOPLE)
    const before = readFileSync(path, 'hex')
    expect(await faultOf(opened(path, OLD))).toBeInstanceOf(KeyFault)
    expect(readFileSync(path, 'hex')).toBe(before)
  })

  test('leaves no value of the old key in the file, not even where one was overwritten', async () => {
    const path = copy()
    const { keys } = await opened(template, OLD)
    const { prefix } = fields(keys.fields)
    expect(readFileSync(path).includes(prefix)).toBe(true)
    await run(path)
    expect(readFileSync(path).includes(prefix)).toBe(false)
  })

  test('tells how far it is', async () => {
    const progress: Progress[] = []
    await run(copy(), { progress })
    expect(progress.filter(({ table }) => table === 'users')).toEqual([
      { table: 'users', done: 3, of: PEOPLE },
      { table: 'users', done: 6, of: PEOPLE },
      { table: 'users', done: PEOPLE, of: PEOPLE },
    ])
    for (const table of ['user_settings', 'api_keys'])
      expect(progress).toContainEqual({ table, done: PEOPLE, of: PEOPLE })
  })

  test('may follow another, and wraps the identity key anew', async () => {
    const path = copy()
    await run(path)
    await run(path, { root: THIRD, previous: NEW })
    expect(await peopleWith(path, THIRD)).toBe(PEOPLE)
    for (const gone of [OLD, NEW]) expect(await faultOf(opened(path, gone))).toBeInstanceOf(KeyFault)
    await run(path, { previous: THIRD, root: OLD })
    expect(await peopleWith(path, OLD)).toBe(PEOPLE)
  })

  test('is done even where there is no room to write the file anew', async () => {
    const path = copy()
    const store = await openSqlite(path)
    const full: Store = { ...store, compact: () => Promise.reject(new Error('full')) }
    const roots = { root: NEW, previous: OLD, identityKey: undefined, batch, report: () => undefined }
    expect(await rekey({ store: full, ...roots })).toEqual({ isCompact: false })
    await store.close()
    expect(await peopleWith(path, NEW)).toBe(PEOPLE)
  })

  test('that is done is known', async () => {
    const path = copy()
    const known = async (root: Uint8Array) => {
      const store = await openSqlite(path)
      const known = await isInForce(store, { root, identityKey: undefined })
      await store.close()
      return known
    }
    expect([await known(OLD), await known(NEW)]).toEqual([true, false])
    await run(path)
    expect([await known(OLD), await known(NEW)]).toEqual([false, true])
  })
})

describe('a rekey that is killed', () => {
  test('before any of its writes leaves what the old key opens, or what it finishes', async () => {
    const writes = await run(copy())
    // The beginning, three batches of each of three tables, the end.
    expect(writes).toBe(11)
    for (let killedAt = 0; killedAt < 11; killedAt++) {
      const path = copy()
      expect(await run(path, { killedAt })).toBe('killed')
      if (killedAt === 0) expect(await peopleWith(path, OLD)).toBe(PEOPLE)
      else
        for (const dataKey of [OLD, NEW])
          expect((await faultOf(opened(path, dataKey))).message).toContain('begun and is not finished')
      const before = await valuesOf(path)
      // What was written is not written again.
      expect(await run(path)).toBe(11 - killedAt)
      const after = await valuesOf(path)
      const kept = [...before].filter(([place, value]) => value !== null && after.get(place) === value)
      expect(kept.length > 0).toBe(killedAt > 1)
      expect(await peopleWith(path, NEW)).toBe(PEOPLE)
      expect(await faultOf(opened(path, OLD))).toBeInstanceOf(KeyFault)
    }
  }, 20_000)

  test('is finished by the same keys only', async () => {
    const path = copy()
    await run(path, { killedAt: 4 })
    const before = await valuesOf(path)
    for (const wrong of [{ root: THIRD }, { previous: THIRD }, { identityKey: BY_HAND }, { root: OLD, previous: NEW }])
      expect(await faultOf(run(path, wrong))).toBeInstanceOf(KeyFault)
    expect(await valuesOf(path)).toEqual(before)
    await run(path)
    expect(await peopleWith(path, NEW)).toBe(PEOPLE)
  })
})

describe('a rekey is refused', () => {
  test.each([
    ['with another previous key', { previous: THIRD }],
    ['with an IDENTITY_HASH_KEY that is not in force', { identityKey: BY_HAND }],
    ['with keys that are the same', { root: OLD }],
  ])('%s, and nothing is written', async (_, options) => {
    const path = copy()
    const before = readFileSync(path, 'hex')
    expect(await faultOf(run(path, options))).toBeInstanceOf(KeyFault)
    expect(readFileSync(path, 'hex')).toBe(before)
  })

  test('while another has the database open', async () => {
    const path = copy()
    const { store, keys } = await opened(path, OLD)
    const fault = await faultOf(runOn(path))
    expect(fault).toBeInstanceOf(StoreFault)
    expect(fault.message).toContain('stop every gateway')
    expect(await peopleIn(store, keys)).toBe(PEOPLE)
    await store.close()
    await run(path)
  })

  test('where a value does not open: its place is named, and the old key opens the rest as before', async () => {
    const path = copy()
    const { store, keys } = await opened(path, OLD)
    await store.db.update(apiKeys).set({ name: sql`(SELECT email FROM users LIMIT 1)` }).prepare().execute()
    await store.close()
    const fault = await faultOf(run(path))
    expect(fault.message).toMatch(/^The value of api_keys\.name in row 0{8}-[\d-]+ does not open/)
    const again = await opened(path, OLD)
    expect(hex(again.keys.fields)).toBe(hex(keys.fields))
    await again.store.close()
  })
})

describe('what changes while a rekey runs', () => {
  test('is kept, and sealed anew by the next run', async () => {
    const path = copy()
    const { keys } = await opened(template, OLD)
    const store = await openSqlite(path)
    const late = fields(keys.fields).seal({ table: 'user_settings', column: 'content', row: LATE }, 'late')
    let batches = 0
    const disturbed: Store = {
      ...store,
      atomically: async writes => {
        // Between the read of the first settings and their write.
        if (++batches === 5) {
          const row = eq(userSettings.userId, LATE)
          await store.db.update(userSettings).set({ content: late }).where(row).prepare().execute()
        }
        await store.atomically(writes)
      },
    }
    const roots = { root: NEW, previous: OLD, identityKey: undefined, batch, report: () => undefined }
    expect((await faultOf(rekey({ store: disturbed, ...roots }))).message).toContain('Another process wrote')
    await rekey({ store, ...roots })
    const content = (await sealedIn(store)).get(`content ${LATE}`) ?? ''
    await store.close()
    const next = await opened(path, NEW)
    expect(fields(next.keys.fields).open({ table: 'user_settings', column: 'content', row: LATE }, content)).toBe(
      'late',
    )
    await next.store.close()
  })
})

const LATE = '00000000-0000-4000-8000-000000000000'

describe('an identity key given by hand', () => {
  test('is stored by a rekey: it may stay or go, and no other is taken', async () => {
    const path = join(directory, 'by-hand.db')
    const first = await opened(path, OLD, BY_HAND)
    await first.store.close()
    await run(path, { identityKey: BY_HAND })
    for (const given of [undefined, BY_HAND]) {
      const { store, keys } = await opened(path, NEW, given)
      await store.close()
      expect(hex(keys.identity)).toBe(hex(BY_HAND))
    }
    expect(await faultOf(opened(path, NEW, THIRD))).toBeInstanceOf(KeyFault)
  })
})
