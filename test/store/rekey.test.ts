import { describe, expect, test } from 'bun:test'
import { eq, sql } from 'drizzle-orm'
import { fields } from '../../src/store/fields.ts'
import { deriveKeys, KeyFault } from '../../src/store/keys.ts'
import { openDatabase } from '../../src/store/open.ts'
import { isInForce, rekey } from '../../src/store/rekey.ts'
import type { Progress } from '../../src/store/resealing.ts'
import { apiKeys, userSettings } from '../../src/store/schema.ts'
import { type Store, StoreFault } from '../../src/store/store.ts'
import { runOn } from '../kit/database.ts'
import { engines, postgres } from '../kit/engines.ts'
import { faultOf, hex, key, open } from '../kit/opening.ts'
import { peopleIn } from '../kit/people.ts'
import { filesOf, leave, populated, sealedIn, tracesOf } from '../kit/rekeying.ts'

const [OLD, NEW, THIRD, BY_HAND] = [key(1), key(2), key(3), key(9)]
const PEOPLE = 7
const LATE = '00000000-0000-4000-8000-000000000000'
const batch = 4
const oldKeys = deriveKeys({ root: OLD, overrides: {} })

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
function run(url: string, options: Options = {}) {
  leave(url)
  return rekeyed(url, options)
}

async function rekeyed(url: string, { killedAt = Infinity, progress = [], ...options }: Options = {}) {
  const store = await openDatabase(url, { connections: 1 })
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

const opened = (url: string, dataKey: Uint8Array, identityKey?: Uint8Array) =>
  open(url, { dataKey, ...(identityKey && { identityKey }) })

/** How many people a gateway with that key finds; it finds the same callers as before. */
async function peopleWith(url: string, dataKey: Uint8Array): Promise<number> {
  const { store, keys } = await opened(url, dataKey)
  try {
    expect(hex(keys.identity)).toBe(hex(oldKeys.identity))
    return await peopleIn(store, keys)
  } finally {
    await store.close()
  }
}

describe.each(engines)('on $name', engine => {
  /** A database of its own, full of people. */
  const copy = () => populated(engine, OLD, PEOPLE)
  // The beginning and the end are among them; on PostgreSQL each costs ten times as much.
  const killStep = engine === postgres ? 4 : 2

  describe('a rekey', () => {
    test('leaves everything to the new key and nothing to the old one', async () => {
      const url = await copy()
      await run(url)
      expect(await peopleWith(url, NEW)).toBe(PEOPLE)
      const before = await tracesOf(url)
      expect(await faultOf(opened(url, OLD))).toBeInstanceOf(KeyFault)
      expect(await tracesOf(url)).toEqual(before)
    })

    test('leaves no value of the old key in the file, not even where one was overwritten', async () => {
      const url = await copy()
      const prefix = Buffer.from(fields(oldKeys.fields).prefix).toString('hex')
      expect((await filesOf(url)).includes(prefix)).toBe(true)
      await run(url)
      expect((await filesOf(url)).includes(prefix)).toBe(false)
    })

    test('tells how far it is', async () => {
      const progress: Progress[] = []
      await run(await copy(), { progress })
      expect(progress.filter(({ table }) => table === 'users')).toEqual([
        { table: 'users', done: 4, of: PEOPLE },
        { table: 'users', done: PEOPLE, of: PEOPLE },
      ])
      for (const table of ['user_settings', 'api_keys', 'sessions', 'sign_ins', 'linked_accounts', 'files'])
        expect(progress).toContainEqual({ table, done: PEOPLE, of: PEOPLE })
    })

    test('may follow another, and wraps the identity key anew', async () => {
      const url = await copy()
      await run(url)
      const [wrapped] = await runOn<string>(url, 'SELECT value FROM wrapped_keys')
      await run(url, { root: THIRD, previous: NEW })
      // Whoever has the key before and the file would have the identity key.
      expect(await filesOf(url)).not.toContain(Buffer.from(wrapped?.['value'] ?? '').toString('hex'))
      expect(await peopleWith(url, THIRD)).toBe(PEOPLE)
      for (const gone of [OLD, NEW]) expect(await faultOf(opened(url, gone))).toBeInstanceOf(KeyFault)
      await run(url, { previous: THIRD, root: OLD })
      expect(await peopleWith(url, OLD)).toBe(PEOPLE)
    })

    test('is done even where there is no room to write the file anew', async () => {
      const url = await copy()
      const store = await openDatabase(url, { connections: 1 })
      const full: Store = { ...store, compact: () => Promise.reject(new Error('full')) }
      const roots = { root: NEW, previous: OLD, identityKey: undefined, batch, report: () => undefined }
      expect(await rekey({ store: full, ...roots })).toEqual({ isCompact: false })
      await store.close()
      expect(await peopleWith(url, NEW)).toBe(PEOPLE)
    })

    test('that is done is known', async () => {
      const url = await copy()
      const known = async (root: Uint8Array) => {
        const store = await openDatabase(url, { connections: 1 })
        const known = await isInForce(store, { root, identityKey: undefined })
        await store.close()
        return known
      }
      expect([await known(OLD), await known(NEW)]).toEqual([true, false])
      await run(url)
      expect([await known(OLD), await known(NEW)]).toEqual([false, true])
    })
  })

  describe('a rekey that is killed', () => {
    test('between its writes leaves what the old key opens, or what it finishes', async () => {
      const writes = Number(await run(await copy()))
      // The beginning, two batches of each of seven tables, one of the sessions with a proof, the end.
      expect(writes).toBe(17)
      for (let killedAt = 0; killedAt < writes; killedAt += killStep) {
        const url = await copy()
        expect(await run(url, { killedAt })).toBe('killed')
        if (killedAt === 0) expect(await peopleWith(url, OLD)).toBe(PEOPLE)
        else
          for (const dataKey of [OLD, NEW])
            expect((await faultOf(opened(url, dataKey))).message).toContain('begun and is not finished')
        const before = await sealedIn(url)
        // What was written is not written again.
        expect(await run(url)).toBe(writes - killedAt)
        const after = await sealedIn(url)
        const kept = [...before].filter(([place, value]) => value !== null && after.get(place) === value)
        expect(kept.length > 0).toBe(killedAt > 1)
        expect(await peopleWith(url, NEW)).toBe(PEOPLE)
        expect(await faultOf(opened(url, OLD))).toBeInstanceOf(KeyFault)
      }
    }, 60_000)

    test('is finished by the same keys only', async () => {
      const url = await copy()
      await run(url, { killedAt: 4 })
      const before = await sealedIn(url)
      for (const wrong of [
        { root: THIRD },
        { previous: THIRD },
        { identityKey: BY_HAND },
        { root: OLD, previous: NEW },
      ])
        expect(await faultOf(run(url, wrong))).toBeInstanceOf(KeyFault)
      expect(await sealedIn(url)).toEqual(before)
      await run(url)
      expect(await peopleWith(url, NEW)).toBe(PEOPLE)
    })
  })

  describe('a rekey is refused', () => {
    test.each([
      ['with another previous key', { previous: THIRD }],
      ['with an IDENTITY_HASH_KEY that is not in force', { identityKey: BY_HAND }],
      ['with keys that are the same', { root: OLD }],
    ])('%s, and nothing is written', async (_, options) => {
      const url = await copy()
      const before = await tracesOf(url)
      expect(await faultOf(run(url, options))).toBeInstanceOf(KeyFault)
      expect(await tracesOf(url)).toEqual(before)
    })

    test('while another has the database open', async () => {
      const url = await copy()
      const { store, keys } = await opened(url, OLD)
      const fault = await faultOf(rekeyed(url))
      expect(fault).toBeInstanceOf(StoreFault)
      expect(fault.message).toContain('stop every gateway')
      expect(await peopleIn(store, keys)).toBe(PEOPLE)
      await store.close()
      await run(url)
    })

    test('for no gateway of another database', async () => {
      const [url, other] = [await copy(), await copy()]
      const { store } = await opened(other, OLD)
      await run(url)
      await store.close()
      expect(await peopleWith(url, NEW)).toBe(PEOPLE)
    })

    test('where a value does not open: its place is named, and the old key opens the rest as before', async () => {
      const url = await copy()
      const { store, keys } = await opened(url, OLD)
      await store.db.update(apiKeys).set({ name: sql`(SELECT email FROM users LIMIT 1)` }).prepare().execute()
      await store.close()
      const fault = await faultOf(run(url))
      expect(fault.message).toMatch(/^The value of api_keys\.name in row 0{8}-[\d-]+ does not open/)
      const again = await opened(url, OLD)
      expect(hex(again.keys.fields)).toBe(hex(keys.fields))
      await again.store.close()
    })
  })

  describe('what changes while a rekey runs', () => {
    test('is kept, and sealed anew by the next run', async () => {
      const url = await copy()
      const store = await openDatabase(url, { connections: 1 })
      const late = fields(oldKeys.fields).seal({ table: 'user_settings', column: 'content', row: LATE }, 'late')
      let batches = 0
      const disturbed: Store = {
        ...store,
        atomically: async writes => {
          // Between the read of the first settings and their write.
          if (++batches === 4) {
            const row = eq(userSettings.userId, LATE)
            await store.db.update(userSettings).set({ content: late }).where(row).prepare().execute()
          }
          await store.atomically(writes)
        },
      }
      const roots = { root: NEW, previous: OLD, identityKey: undefined, batch, report: () => undefined }
      expect((await faultOf(rekey({ store: disturbed, ...roots }))).message).toContain('Another process wrote')
      await rekey({ store, ...roots })
      const content = (await sealedIn(url)).get(`user_settings.content ${LATE}`) ?? ''
      await store.close()
      const next = await opened(url, NEW)
      expect(fields(next.keys.fields).open({ table: 'user_settings', column: 'content', row: LATE }, content)).toBe(
        'late',
      )
      await next.store.close()
    })
  })

  describe('an identity key given by hand', () => {
    test('is stored by a rekey: it may stay or go, and no other is taken', async () => {
      const url = await engine.fresh()
      const first = await opened(url, OLD, BY_HAND)
      await first.store.close()
      await run(url, { identityKey: BY_HAND })
      for (const given of [undefined, BY_HAND]) {
        const { store, keys } = await opened(url, NEW, given)
        await store.close()
        expect(hex(keys.identity)).toBe(hex(BY_HAND))
      }
      expect(await faultOf(opened(url, NEW, THIRD))).toBeInstanceOf(KeyFault)
    })
  })
})
