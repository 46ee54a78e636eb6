import { afterAll, expect, test } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { measured, sums } from '../../release/digest.ts'
import { freshDirectory } from '../kit/directory.ts'

const directory = freshDirectory()
afterAll(() => rmSync(directory, { recursive: true }))

test('sha256sum reads the sums of a release, and sees what was changed since', async () => {
  for (const name of ['b', 'a', 'C']) writeFileSync(join(directory, name), name)
  const files = await measured(directory)
  expect(files.map(({ name }) => name)).toEqual(['C', 'a', 'b'])
  const check = () =>
    Bun.spawnSync(['sha256sum', '-c', '--strict', '-'], { cwd: directory, stdin: Buffer.from(sums(files)) })
  expect(check().stdout.toString()).toBe('C: OK\na: OK\nb: OK\n')
  writeFileSync(join(directory, 'a'), 'A')
  expect(check().exitCode).toBe(1)
})
