import { expect } from 'bun:test'
import { type Slots, slots } from '../../src/gate/slots.ts'
import type { Slot } from '../../src/protocol/exchange.ts'
import type { Store } from '../../src/store/store.ts'
import { clockAt } from './clock.ts'
import { openTest, runOn } from './database.ts'
import { eventually } from './stage.ts'

interface Options {
  url: string
  clock?: { readonly now: () => number }
  limit?: number
}

/** Starts the slots of processes, and stops them all. */
export function processes() {
  const closes: (() => Promise<void>)[] = []
  return {
    /** The slots of one process, what it asks of the database, and what it logs. */
    start: async (options: Options) => {
      const part = await begin(options)
      closes.push(part.close)
      return part
    },
    clear: async () => {
      for (const close of closes.splice(0)) await close()
    },
  }
}

async function begin({ url, clock = clockAt(), limit = 2 }: Options) {
  const store = await openTest(url)
  const lines: string[] = []
  const watched = { asked: 0, fails: false }
  const watching =
    (ask: Store['ask']): Store['ask'] =>
    statement => {
      watched.asked++
      return watched.fails ? Promise.reject(new Error('no database')) : ask(statement)
    }
  const watchedStore = { ...store, ask: watching(store.ask), share: watching(store.share) }
  const log = (_: string, event: string) => void lines.push(event)
  const open = slots({ store: watchedStore, now: clock.now, log, limit, process: crypto.randomUUID() })
  const close = async () => {
    await open.close().catch(() => undefined)
    await store.close()
  }
  return { open, watched, lines, rows: () => rowsOf(url), close }
}

async function rowsOf(url: string): Promise<number> {
  const [row] = await runOn<number>(url, 'SELECT count(*) AS count FROM slots')
  return row?.['count'] ?? 0
}

/** Resolves when no row is left; fails in four seconds. */
export async function gone(rows: () => Promise<number>): Promise<void> {
  const until = performance.now() + 4000
  while ((await rows()) > 0 && performance.now() < until) await Bun.sleep(5)
  expect(await rows()).toBe(0)
}

/** Takes a slot that is free, or is just being given back. */
export function take(open: Slots, owner = 'j_ada'): Promise<Slot> {
  return eventually(() => open.acquire(owner), `a slot for ${owner}`)
}
