import type { Database as SqliteFile } from 'bun:sqlite'
import { ExecuteResultSync } from 'drizzle-orm/sqlite-core'
import type { Store } from './store.ts'

interface Waiting {
  readonly write: () => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (reason: unknown) => void
}

interface Sharing extends Pick<Store, 'share'> {
  /** Does now what has gathered. */
  flush(): void
}

/**
 * Gathers the writes of one turn of the event loop, and does them in one transaction: to begin and to commit takes SQLite
 * five times what such a write takes. What becomes of it, each is told when it is over.
 */
export function sharing(file: SqliteFile, ask: Store['ask']): Sharing {
  const together = file.transaction((all: readonly Waiting[]) => all.map(({ write }) => atOnce(write())))
  let waiting: Waiting[] = []

  async function flush(): Promise<void> {
    const all = waiting
    const [only] = all
    waiting = []
    if (!only) return
    try {
      const outcomes = await ask(() => (all.length === 1 ? [atOnce(only.write())] : together.immediate(all)))
      for (const [at, { resolve }] of all.entries()) resolve(outcomes[at])
    } catch (error) {
      for (const { reject } of all) reject(error)
    }
  }

  return {
    share: <T>(write: () => T | Promise<T>) =>
      new Promise<T>((resolve, reject) => {
        // Not a microtask: those of one request are over before the next one comes.
        if (waiting.length === 0) setImmediate(flush)
        waiting.push({ write, resolve: value => resolve(value as T), reject })
      }),
    flush: () => void flush(),
  }
}

/** What Drizzle would run in a turn of its own, run now. */
export const atOnce = <T>(asked: T | Promise<T>): T | Promise<T> =>
  asked instanceof ExecuteResultSync ? (asked.sync() as T) : asked
