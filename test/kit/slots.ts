import { expect } from 'bun:test'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { type Slots, slots } from '../../src/gate/slots.ts'
import type { Slot } from '../../src/protocol/exchange.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { clockAt } from './clock.ts'
import { freshDirectory } from './directory.ts'

export const freshPath = () => join(freshDirectory(), 'sealgate.db')

interface Options {
  path?: string
  clock?: { readonly now: () => number }
  limit?: number
}

/** Starts the slots of processes, and stops them all. */
export function processes() {
  const closes: (() => Promise<void>)[] = []
  return {
    /** The slots of one process, what it asks of the database, and what it logs. */
    start: async (options: Options = {}) => {
      const part = await begin(options)
      closes.push(part.close)
      return part
    },
    clear: async () => {
      for (const close of closes.splice(0)) await close()
    },
  }
}

async function begin({ path = ':memory:', clock = clockAt(), limit = 2 }: Options) {
  const { store } = await openStore({ path, dataKey: undefined, identityKey: undefined })
  const lines: string[] = []
  const watched = { asked: 0, fails: false }
  const ask: Store['ask'] = statement => {
    watched.asked++
    return watched.fails ? Promise.reject(new Error('no database')) : store.ask(statement)
  }
  const log = (_: string, event: string) => void lines.push(event)
  const open = slots({ store: { ...store, ask }, now: clock.now, log, limit, process: crypto.randomUUID() })
  const close = async () => {
    await open.close().catch(() => undefined)
    store.close()
  }
  return { open, watched, lines, rows: () => rowsOf(store), close }
}

async function rowsOf({ db }: Store): Promise<number> {
  const [row] = await db.all<{ count: number }>(sql`SELECT count(*) AS count FROM slots`)
  return row?.count ?? 0
}

/** Resolves when no row is left; fails in four seconds. */
export async function gone(rows: () => Promise<number>): Promise<void> {
  const until = performance.now() + 4000
  while ((await rows()) > 0 && performance.now() < until) await Bun.sleep(5)
  expect(await rows()).toBe(0)
}

/** Takes a slot that must be free. */
export async function take(open: Slots, owner = 'j_ada'): Promise<Slot> {
  const slot = await open.acquire(owner)
  if (!slot) throw new Error(`no slot for ${owner}`)
  return slot
}
