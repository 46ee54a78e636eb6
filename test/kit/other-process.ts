import { Database } from 'bun:sqlite'
import { ledger } from '../../src/gate/ledger.ts'
import { slots } from '../../src/gate/slots.ts'
import { openStore } from '../../src/store/open.ts'
import { openTest } from './database.ts'
import { entry } from './entries.ts'

/** What another process can be asked to do with a database. */
const ACTS = {
  /** Opens it as the gateway does, with the key in `DATA_KEY` if there is one; says its identity key. */
  open: async (url: string) => {
    const { DATA_KEY } = process.env
    const dataKey = DATA_KEY ? Buffer.from(DATA_KEY, 'hex') : undefined
    const { store, keys } = await openStore({ url, dataKey, identityKey: undefined })
    await store.close()
    console.log(Buffer.from(keys.identity).toString('hex'))
  },
  /** Takes a SQLite file's write lock, says so, and keeps it until its standard input ends. */
  hold: async (url: string) => {
    const file = new Database(url.replace('sqlite:', ''))
    file.run('BEGIN IMMEDIATE')
    console.log('held')
    await Bun.stdin.text()
    file.run('COMMIT')
    file.close()
  },
  /** Takes all slots of a caller but one, says so, and keeps them for as long as it lives. */
  holdSlots: async (url: string) => {
    const store = await openTest(url)
    const held = slots({ store, now: Date.now, log: () => undefined, limit: 3, process: crypto.randomUUID() })
    await Promise.all([held.acquire('j_ada'), held.acquire('j_ada')])
    console.log('held')
    await Bun.stdin.text()
  },
  /** Books requests for ever, as the gateway does, and says the time of each. */
  book: async (url: string) => {
    const store = await openTest(url)
    const book = ledger({ store, log: () => undefined, flushMs: 100 })
    for (;;) {
      const at = Date.now()
      book.enter(entry({ at }))
      console.log(at)
      await Bun.sleep(20)
    }
  },
  /** Opens it as a user whom no file's mode makes way for; says how that ended. */
  openAsNobody: async (url: string) => {
    if (process.getuid?.() === 0) {
      process.setgid?.(65_534)
      process.setuid?.(65_534)
    }
    console.log(await ACTS.open(url).catch(error => `${error.name}: ${error.message}`))
  },
}

/** Starts another process on a database; its standard output can be read while it runs. */
export function otherProcess(act: keyof typeof ACTS, url: string, environment: Record<string, string> = {}) {
  return Bun.spawn([process.execPath, '--no-env-file', import.meta.path, act, url], {
    env: { ...process.env, ...environment },
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
  })
}

/** Another process that holds a SQLite database's write lock by the time this resolves. */
export async function lockedBy(url: string) {
  const { stdout, stdin, exited } = otherProcess('hold', url)
  await stdout.getReader().read()
  return {
    /** Lets go of the lock in so many milliseconds; resolves when it is gone. */
    letGoIn: async (ms: number) => {
      await Bun.sleep(ms)
      await stdin.end()
      await exited
    },
  }
}

if (import.meta.main) {
  const [, , act, url] = process.argv
  await ACTS[act as keyof typeof ACTS](url ?? '')
}
