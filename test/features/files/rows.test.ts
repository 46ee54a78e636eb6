import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { array, assert, asyncProperty, constantFrom, integer, nat, record } from 'fast-check'
import { fileRows, type Order, type Rows, START } from '../../../src/features/files/rows.ts'
import type { File } from '../../../src/features/files/told.ts'
import { fields } from '../../../src/store/fields.ts'
import { belongings } from '../../../src/store/schema.ts'
import type { Store } from '../../../src/store/store.ts'
import { openTest } from '../../kit/database.ts'
import { engines } from '../../kit/engines.ts'
import { outcome } from '../../kit/problem.ts'

describe.each(engines)('on $name', ({ fresh, kept, runs }) => {
  let [url, store, rows] = ['', undefined as unknown as Store, undefined as unknown as Rows]
  beforeAll(async () => {
    url = await fresh()
    store = await openTest(url)
    rows = fileRows({ store, fields: fields(new Uint8Array(32)) })
  })
  afterAll(() => store.close())

  const file = (id: string, createdAt = 1, purpose = 'user_data'): File => {
    return { id, bytes: 2 ** 40, createdAt, expiresAt: null, filename: `${id}.pdf`, purpose }
  }
  const own = async (owner: string, ...files: File[]) => {
    const given = files.map(({ id }) => {
      const thing = { kind: 'file' as const, id, owner, createdAt: 0, usedAt: 0 }
      return { statement: store.db.insert(belongings).values(thing).prepare(), values: {} }
    })
    await store.atomically([...given, ...files.map(it => rows.noted(owner, it))])
  }
  const page = async (owner: string, order: Order, purpose?: string) =>
    rows.page(owner, { order, behind: START[order], purpose, count: 100 })

  test('a file is told as it was noted, its name to nobody who reads the database', async () => {
    const one = { ...file('file-1', 7, '\0'), expiresAt: 9, filename: 'umbrella\0plan.pdf' }
    await own('u_one', one)
    expect(await rows.one('u_one', 'file-1')).toEqual(one)
    expect(await page('u_one', 'asc')).toEqual([one])
    expect((await kept(url)).includes('umbrella')).toBe(false)
  })

  test('only whose it is has it noted, and nobody else finds or forgets it', async () => {
    await own('u_ada', file('file-ada'))
    await store.atomically([rows.noted('u_eve', file('file-ada')), rows.noted('u_eve', file('file-nobody'))])
    expect(await page('u_eve', 'asc')).toEqual([])
    for (const [owner, id] of [
      ['u_eve', 'file-ada'],
      ['u_ada', 'file-ADA'],
      ['u_ada', 'file-ada\0'],
    ] as const)
      expect(await outcome(() => rows.one(owner, id))).toBe('not_found')
    await rows.forget('u_eve', 'file-ada')
    expect(await page('u_ada', 'asc')).toHaveLength(1)
    await rows.forget('u_ada', 'file-ada')
    expect(await page('u_ada', 'asc')).toEqual([])
    const left = await store.db.select().from(belongings).prepare().execute()
    expect(left.map(({ id }) => id)).not.toContain('file-ada')
  })

  test('pages of any size hold each file of a purpose once, however many were made in one second', async () => {
    let run = 0
    const given = record({
      made: array(record({ createdAt: integer({ min: 1, max: 3 }), purpose: constantFrom('batch', 'vision') }), {
        maxLength: 12,
      }),
      count: nat({ max: 4 }).map(count => count + 1),
      order: constantFrom<Order>('asc', 'desc'),
      purpose: constantFrom(undefined, 'batch'),
    })
    const story = asyncProperty(given, async ({ made, count, order, purpose }) => {
      const owner = `u_${run++}`
      await own(owner, ...made.map((it, at) => file(`${owner}_${at}`, it.createdAt, it.purpose)))
      const seen: File[] = []
      for (let some: File[] = []; ; ) {
        some = await rows.page(owner, { order, behind: some.at(-1) ?? START[order], purpose, count })
        seen.push(...some)
        if (some.length < count) break
      }
      const meant = made.filter(it => purpose === undefined || it.purpose === purpose)
      expect(new Set(seen.map(({ id }) => id)).size).toBe(meant.length)
      const times = meant.map(({ createdAt }) => createdAt)
      expect(seen.map(({ createdAt }) => createdAt)).toEqual(times.sort((a, b) => (order === 'asc' ? a - b : b - a)))
    })
    await assert(story, { numRuns: Math.min(runs, 25) })
  })
})
