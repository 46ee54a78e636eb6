import { afterAll, expect, test } from 'bun:test'
import { readFileSync, rmSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { join } from 'node:path'
import { root } from '../../release/compile.ts'
import { sourceMap } from '../../release/source-map.ts'
import { executable } from '../kit/binary.ts'
import { freshDirectory } from '../kit/directory.ts'

const directory = freshDirectory()
afterAll(() => rmSync(directory, { recursive: true }))

/** Line and column, from 0, at which a text stands in the executable's code. */
function positionOf(text: string, file: Buffer): [number, number] {
  const code = file.subarray(file.lastIndexOf('// @bun @bytecode\n')).toString()
  const before = code.slice(0, code.indexOf(text)).split('\n')
  return [before.length - 1, before.at(-1)?.length ?? 0]
}

test('a position in the executable is one in the source', async () => {
  const { outputs } = await sourceMap(directory, 'unknown')
  expect(Object.keys(outputs)).toHaveLength(1)
  const map = new SourceMap(JSON.parse(readFileSync(join(directory, 'sealgate.js.map'), 'utf8')))
  const file = readFileSync(await executable())
  for (const [text, source] of [
    ['crashed: ', 'src/main.ts'],
    ['Max open files', 'src/descriptors.ts'],
  ] as const) {
    const found = map.findEntry(...positionOf(text, file))
    if (!('originalSource' in found)) throw new Error(`${text} maps to nothing`)
    expect(found.originalSource).toBe(source)
    const line = readFileSync(join(root, source), 'utf8').split('\n')[found.originalLine]
    expect(line).toContain(text)
  }
})
