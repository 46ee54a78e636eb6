import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cache, type Platform } from './compile.ts'

// To embed itself Bun writes anew its first page, the ELF header, and its last hundred kilobytes, the table of sections.
const KEPT_FROM = 4096
const KEPT_PART = 0.99

/**
 * The Bun that an executable for this platform was made with: the running one, or the one that it fetched.
 * @throws where the executable holds another.
 */
export function runtime(platform: Platform, executable: string): string {
  const path =
    `${process.platform}-${process.arch}` === platform
      ? process.execPath
      : join(cache(), `bun-${platform.replace('arm64', 'aarch64')}-v${Bun.version}`)
  const bun = readFileSync(path)
  const end = Math.floor(bun.length * KEPT_PART)
  if (!bun.subarray(KEPT_FROM, end).equals(readFileSync(executable).subarray(KEPT_FROM, end)))
    throw new Error(`${executable} was not made with ${path}: empty Bun's cache (bun pm cache rm) and try again`)
  return path
}
