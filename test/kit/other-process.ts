import { Database } from 'bun:sqlite'
import { openStore } from '../../src/store/open.ts'

/** What another process can be asked to do with a database file. */
const ACTS = {
  /** Opens it as the gateway does, with the key in `DATA_KEY` if there is one; says its identity key. */
  open: async (path: string) => {
    const { DATA_KEY } = process.env
    const dataKey = DATA_KEY ? Buffer.from(DATA_KEY, 'hex') : undefined
    const { store, keys } = await openStore({ path, dataKey, identityKey: undefined })
    store.close()
    console.log(Buffer.from(keys.identity).toString('hex'))
  },
  /** Takes the write lock, says so, and keeps it for `HOLD_MS`, 300 unless told. */
  hold: async (path: string) => {
    const file = new Database(path)
    file.run('BEGIN IMMEDIATE')
    console.log('held')
    await Bun.sleep(Number(process.env['HOLD_MS'] ?? 300))
    file.run('COMMIT')
    file.close()
  },
  /** Opens it as a user whom no file's mode makes way for; says how that ended. */
  openAsNobody: async (path: string) => {
    if (process.getuid?.() === 0) {
      process.setgid?.(65_534)
      process.setuid?.(65_534)
    }
    console.log(await ACTS.open(path).catch(error => `${error.name}: ${error.message}`))
  },
}

/** Starts another process on a database file; its standard output can be read while it runs. */
export function otherProcess(act: keyof typeof ACTS, path: string, environment: Record<string, string> = {}) {
  return Bun.spawn([process.execPath, '--no-env-file', import.meta.path, act, path], {
    env: { ...process.env, ...environment },
    stdout: 'pipe',
    stderr: 'pipe',
  })
}

if (import.meta.main) {
  const [, , act, path] = process.argv
  await ACTS[act as keyof typeof ACTS](path ?? '')
}
