import { readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { aside } from './binary.ts'
import { compile } from './compile.ts'

/**
 * Writes `sealgate.js.map` into a directory, and gives what stands in the executables and who imports it.
 *
 * With a map Bun makes another executable, which embeds it and has one line more of code, the last. So that one is made for
 * its map alone, which fits the executables of the release.
 */
export function sourceMap(directory: string, commit: string): Promise<Bun.BuildMetafile> {
  return aside(directory, async folder => {
    const metafile = join(folder, 'metafile.json')
    await compile({ directory: folder, commit, flags: ['--sourcemap=external', `--metafile=${metafile}`] })
    renameSync(join(folder, 'sealgate.map'), join(directory, 'sealgate.js.map'))
    return JSON.parse(readFileSync(metafile, 'utf8'))
  })
}
