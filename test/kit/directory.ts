import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A fresh directory for a test's files. */
export function freshDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'sealgate-'))
}
