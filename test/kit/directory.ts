import { expect } from 'bun:test'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, statSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// Whoever is in it may be another user, as a database is.
const home = mkdtempSync(join(tmpdir(), 'sealgate-'))
chmodSync(home, 0o711)
// Under `bun test` no listener hears that the process exits (1.4.5). This one's input ends with it, however it ends; what
// writes there still, a database for one, has ended by its second look. Begun here, for what a test begins Bun may kill.
const sweeper = `trap '' INT TERM HUP; cat >/dev/null; sleep 1; rm -rf "$1"; sleep 5; rm -rf "$1"`
Bun.spawn(['sh', '-c', sweeper, 'sweeper', home], { stdio: ['pipe', 'ignore', 'ignore'] }).unref()

/** A fresh directory for a test's files, gone soon after the tests are. */
export const freshDirectory = (): string => mkdtempSync(join(home, '-'))

const LONG_AGO = new Date(0)

/** Runs an act that must write nothing to a database's directory, not even what is there already. */
export async function untouched(path: string, act: () => Promise<void>): Promise<void> {
  const directory = join(path, '..')
  // Readers mark SQLite's shared memory.
  const files = () => readdirSync(directory).filter(name => !name.endsWith('-shm'))
  const state = () =>
    files().map(name => {
      const file = join(directory, name)
      return [name, statSync(file).mtimeMs, readFileSync(file, 'hex')]
    })
  for (const name of files()) utimesSync(join(directory, name), LONG_AGO, LONG_AGO)
  const before = state()
  await act()
  expect(state()).toEqual(before)
}
