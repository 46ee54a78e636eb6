import { afterEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { array, assert, asyncProperty, boolean, constantFrom, integer, nat, option, record } from 'fast-check'
import { ledger } from '../../src/gate/ledger.ts'
import { logger } from '../../src/gate/log.ts'
import { Problem } from '../../src/protocol/problem.ts'
import type { Store } from '../../src/store/store.ts'
import { openTest } from '../kit/database.ts'
import { freshDirectory } from '../kit/directory.ts'
import { engines } from '../kit/engines.ts'
import { booked, entry } from '../kit/entries.ts'
import { lockedBy, otherProcess } from '../kit/other-process.ts'
import { outcome } from '../kit/problem.ts'
import { eventually } from '../kit/stage.ts'

const NEW_YEAR = 1_767_225_600_000
const DAY = 86_400_000
const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

/** A ledger on a database; `through` may stand between it and its store. */
async function start(url: string, { flushMs = 1_000_000, through = (store: Store) => store } = {}) {
  const store = await openTest(url)
  const lines: string[] = []
  const log = logger({ format: 'json', level: 'debug', now: Date.now, write: line => lines.push(line) })
  const book = ledger({ store: through(store), log, flushMs })
  ends.push(async () => {
    await book.close()
    await store.close()
  })
  return { url, book, store, lines }
}

const unavailable = () => new Problem('database_unavailable', 'The database does not answer.')

describe.each(engines)('on $name', ({ fresh, run, runs }) => {
  describe('the ledger', () => {
    test('knows who was given an answer, before it is written as after, and tells nobody else', async () => {
      const { book } = await start(await fresh())
      const knows = (owner: string, id: string) => book.wasAnswered(owner, id)
      book.enter({ ...entry({ owner: 'j_ada' }), chatId: 'chatcmpl-1' })
      for (const when of ['in memory', 'in the database']) {
        if (when === 'in the database') await book.flush()
        expect([when, await knows('j_ada', 'chatcmpl-1')]).toEqual([when, true])
        expect([when, await knows('j_bob', 'chatcmpl-1')]).toEqual([when, false])
        expect([when, await knows('j_ada', 'CHATCMPL-1')]).toEqual([when, false])
      }
    })

    test('knows of an answer while it is on its way to the database', async () => {
      const gate = Promise.withResolvers<void>()
      const slow = (store: Store): Store => ({
        ...store,
        atomically: async writes => {
          await gate.promise
          return store.atomically(writes)
        },
      })
      const { book } = await start(await fresh(), { through: slow })
      book.enter({ ...entry({ owner: 'j_ada' }), chatId: 'chatcmpl-1' })
      const flushed = book.flush()
      expect(await book.wasAnswered('j_ada', 'chatcmpl-1')).toBe(true)
      gate.resolve()
      await flushed
      expect(await book.wasAnswered('j_ada', 'chatcmpl-1')).toBe(true)
    })

    test('equals its sums, and what was entered, whatever is entered when', async () => {
      const { url, book } = await start(await fresh())
      const cost = option(nat({ max: 999_999_999 }), { nil: undefined })
      const entries = array(
        record({
          owner: constantFrom('j_ada', 'j_bob'),
          at: integer({ min: NEW_YEAR - 7_200_000, max: NEW_YEAR + 7_200_000 }),
          model: constantFrom('small', 'large', undefined),
          prompt: nat({ max: 1e9 }),
          completion: nat({ max: 1e9 }),
          cached: nat({ max: 1e6 }),
          estimated: boolean(),
          cost: cost.map(pico => (pico === undefined ? undefined : `0.${String(pico).padStart(12, '0')}`)),
          flushed: boolean(),
        }),
        { maxLength: 20 },
      )
      await assert(
        asyncProperty(entries, async given => {
          await run(url, 'DELETE FROM ledger')
          await run(url, 'DELETE FROM usage_hours')
          await run(url, 'DELETE FROM usage_days')
          const flushes = given.map(({ flushed, ...fields }) => {
            book.enter(entry(fields))
            return flushed ? book.flush() : undefined
          })
          const sum = (of: (fields: (typeof given)[number]) => number) => given.reduce((sum, one) => sum + of(one), 0)
          for (const owner of ['j_ada', 'j_bob']) {
            const today = (at: number) => Math.floor(at / DAY) === Math.floor(NEW_YEAR / DAY)
            const due = (one: (typeof given)[number]) =>
              one.owner === owner && today(one.at) ? one.prompt + one.completion : 0
            expect(await book.spent(owner, NEW_YEAR)).toBe(sum(due))
          }
          await Promise.all([...flushes, book.flush()])
          const whole = [
            given.length,
            sum(({ prompt }) => prompt),
            sum(({ completion }) => completion),
            sum(({ cached }) => cached),
            sum(({ estimated }) => Number(estimated)),
            sum(({ cost = '0' }) => Math.round(Number(cost) * 1e12)),
          ]
          expect(await booked(url, 'ledger')).toEqual(whole)
          expect(await booked(url, 'usage_hours')).toEqual(whole)
          expect(await booked(url, 'usage_days')).toEqual([...whole.slice(0, 3), ...whole.slice(-1)])
        }),
        { numRuns: Math.min(50, runs) },
      )
    })

    test('writes more than a batch, and by itself once the time is up', async () => {
      const { url, book } = await start(await fresh(), { flushMs: 1 })
      for (let at = 0; at < 1000; at++) book.enter(entry({ at: NEW_YEAR + at }))
      await eventually(async () => (await booked(url, 'ledger'))[0] === 1000)
      book.enter(entry())
      await eventually(async () => (await booked(url, 'ledger'))[0] === 1001)
      expect(await booked(url, 'usage_hours')).toEqual(await booked(url, 'ledger'))
    })

    test('writes what is left when it is closed', async () => {
      const { url, book } = await start(await fresh())
      for (let at = 0; at < 700; at++) book.enter(entry({ at: NEW_YEAR + at }))
      await book.close()
      expect((await booked(url, 'ledger'))[0]).toBe(700)
    })

    test('counts what waits, what is being written and what is written, each once', async () => {
      const { book } = await start(await fresh(), { flushMs: 0 })
      const told: number[] = []
      const sure: number[] = []
      for (let count = 1; count <= 60; count++) {
        book.enter(entry({ at: NEW_YEAR + count, prompt: 1, completion: 0 }))
        if (count % 3 === 0) void book.flush()
        told.push(await book.spent('j_ada', NEW_YEAR))
        sure.push(count)
        if (count % 7 === 0) await Bun.sleep(0)
      }
      expect(told).toEqual(sure)
    })

    test('counts by UTC days: what came before midnight is of the day before', async () => {
      const { book } = await start(await fresh())
      book.enter(entry({ at: NEW_YEAR - 1, prompt: 1, completion: 0 }))
      book.enter(entry({ at: NEW_YEAR, prompt: 10, completion: 0 }))
      book.enter(entry({ at: NEW_YEAR + DAY, prompt: 100, completion: 0 }))
      for (let turn = 0; turn < 2; turn++) {
        expect(await book.spent('j_ada', NEW_YEAR - 1)).toBe(1)
        expect(await book.spent('j_ada', NEW_YEAR)).toBe(10)
        expect(await book.spent('j_ada', NEW_YEAR + DAY - 1)).toBe(10)
        expect(await book.spent('j_bob', NEW_YEAR)).toBe(0)
        await book.flush()
      }
    })

    test('tells each process what the others have written', async () => {
      const one = await start(await fresh())
      const other = await start(one.url)
      one.book.enter(entry())
      await one.book.flush()
      other.book.enter(entry())
      expect(await other.book.spent('j_ada', NEW_YEAR)).toBe(14)
    })
  })

  describe('a batch', () => {
    test('is written whole or not at all', async () => {
      const { url, book } = await start(await fresh())
      await run(url, 'ALTER TABLE usage_hours RENAME TO elsewhere')
      for (const owner of ['j_ada', 'j_bob', 'j_ada']) book.enter(entry({ owner }))
      expect(await outcome(book.flush)).toBe('database_unavailable')
      await run(url, 'ALTER TABLE elsewhere RENAME TO usage_hours')
      expect([(await booked(url, 'ledger'))[0], (await booked(url, 'usage_hours'))[0]]).toEqual([0, 0])
      expect(await book.spent('j_ada', NEW_YEAR)).toBe(14)
      await book.flush()
      expect([(await booked(url, 'ledger'))[0], (await booked(url, 'usage_hours'))[0]]).toEqual([3, 3])
    })

    test('whose success was not told is not written twice', async () => {
      let isCut = true
      const through = (store: Store): Store => ({
        ...store,
        atomically: async writes => {
          await store.atomically(writes)
          if (isCut) throw unavailable()
        },
      })
      const { url, book } = await start(await fresh(), { through })
      book.enter(entry())
      expect(await outcome(book.flush)).toBe('database_unavailable')
      isCut = false
      book.enter(entry())
      await book.flush()
      expect([(await booked(url, 'ledger'))[0], (await booked(url, 'usage_hours'))[0]]).toEqual([2, 2])
      // Nor one of receipts alone.
      isCut = true
      book.enter(undefined, { id: 'rcpt_1', owner: 'j_ada', seal: () => '' })
      expect(await outcome(book.flush)).toBe('database_unavailable')
      isCut = false
      await book.flush()
      expect(await run(url, 'SELECT id FROM receipts')).toEqual([{ id: 'rcpt_1' }])
    })
  })

  describe('while the database does not answer', () => {
    test('entries wait, each try is one line, and afterwards none is lost or doubled', async () => {
      let isDown = true
      const through = (store: Store): Store => ({
        ...store,
        atomically: writes => (isDown ? Promise.reject(unavailable()) : store.atomically(writes)),
      })
      const { url, book, lines } = await start(await fresh(), { through, flushMs: 1 })
      for (let at = 0; at < 400; at++) book.enter(entry({ at: NEW_YEAR + at }))
      await eventually(() => lines.length >= 2)
      expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'error', event: 'ledger_failed', rows: 400 })
      isDown = false
      await eventually(async () => (await booked(url, 'ledger'))[0] === 400)
      expect((await booked(url, 'usage_hours'))[0]).toBe(400)
    })

    test('a close waits for it, and what waited is there', async () => {
      let tries = 0
      const through = (store: Store): Store => ({
        ...store,
        atomically: writes => (tries++ === 0 ? Promise.reject(unavailable()) : store.atomically(writes)),
      })
      const { url, book, lines } = await start(await fresh(), { through })
      book.enter(entry())
      await book.close()
      expect([tries, lines.length, (await booked(url, 'ledger'))[0]]).toEqual([2, 1, 1])
    })

    test('at a hundred thousand it is full, until it answers', async () => {
      let isDown = true
      const through = (store: Store): Store => ({
        ...store,
        atomically: async () => {
          if (isDown) throw unavailable()
        },
      })
      const { book } = await start(await fresh(), { through })
      const one = entry()
      for (let at = 1; at < 100_000; at++) book.enter(one)
      expect(book.isFull).toBe(false)
      book.enter(entry())
      expect(book.isFull).toBe(true)
      await outcome(book.flush)
      expect(book.isFull).toBe(true)
      isDown = false
      await book.close()
      expect(book.isFull).toBe(false)
    })
  })

  test('kill -9 loses at most the last moment', async () => {
    const url = await fresh()
    const child = otherProcess('book', url)
    const reader = child.stdout.getReader()
    let said = ''
    while (said.split('\n').length < 40) said += Buffer.from((await reader.read()).value ?? []).toString()
    child.kill('SIGKILL')
    await child.exited
    for (let part = await reader.read(); !part.done; part = await reader.read())
      said += Buffer.from(part.value).toString()
    // Each line is the time of an entry; it writes every tenth of a second.
    const times = said.trim().split('\n').map(Number)
    const old = times.filter(at => at < (times.at(-1) ?? 0) - 400)
    expect(old.length).toBeGreaterThan(0)
    expect(Number((await booked(url, 'ledger'))[0])).toBeGreaterThanOrEqual(old.length)
    expect(await booked(url, 'usage_hours')).toEqual(await booked(url, 'ledger'))
  })
})

test('a lock of another process on a SQLite file is waited for', async () => {
  const { url, book, lines } = await start(`sqlite:${join(freshDirectory(), 'sealgate.db')}`, { flushMs: 1 })
  const holder = await lockedBy(url)
  book.enter(entry())
  const spent = book.spent('j_ada', NEW_YEAR)
  await holder.letGoIn(100)
  await book.flush()
  expect([await spent, (await booked(url, 'ledger'))[0], lines]).toEqual([7, 1, []])
})
