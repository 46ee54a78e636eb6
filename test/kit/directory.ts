import { expect } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A fresh directory for a test's files, gone when the tests are. */
export function freshDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sealgate-'))
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
  return directory
}

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
