import { mkdtempSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { compile, type Platform } from './compile.ts'
import { digest, type Measured } from './digest.ts'
import { runtime } from './runtime.ts'

/** An executable of a release. */
export interface Binary extends Measured {
  readonly platform: Platform
  readonly bytes: number
  /** SHA-256 of the Bun runtime in it. */
  readonly runtime: string
}

/** Writes `sealgate-PLATFORM` into a directory. */
export function binary(directory: string, platform: Platform, commit: string): Promise<Binary> {
  return aside(directory, async folder => {
    const name = `sealgate-${platform}`
    const path = join(directory, name)
    renameSync(await compile({ directory: folder, commit, platform }), path)
    const [sha256, embedded] = await Promise.all([digest(path), digest(runtime(platform, path))])
    return { name, platform, sha256, bytes: statSync(path).size, runtime: embedded }
  })
}

/** Works in a folder inside a directory, which is gone in the end. */
export async function aside<T>(directory: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(directory, 'aside-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
