import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A fresh directory for a test's files, gone when the tests are. */
export function freshDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sealgate-'))
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
  return directory
}
