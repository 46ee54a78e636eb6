import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Entry, tar } from '../../release/tar.ts'
import { freshDirectory } from '../kit/directory.ts'

const entries: Entry[] = [
  { name: 'b', bytes: Buffer.alloc(513, 'x'), mode: 0o755 },
  { name: 'a/full', bytes: Buffer.alloc(512, 'y'), mode: 0o644 },
  { name: 'a', mode: 0o700, owner: 65532 },
]

test('tar reads what is written, sorted, with owner, mode and time', () => {
  const path = join(freshDirectory(), 'x.tar')
  writeFileSync(path, tar(entries, 86_400))
  const run = (...args: string[]) => {
    const { stdout, stderr } = Bun.spawnSync(['tar', ...args], { env: { TZ: 'UTC', PATH: process.env['PATH'] } })
    return `${stdout}${stderr}`
  }
  expect(run('--numeric-owner', '-tvf', path).replace(/ +/g, ' ')).toBe(
    'drwx------ 65532/65532 0 1970-01-02 00:00 a/\n' +
      '-rw-r--r-- 0/0 512 1970-01-02 00:00 a/full\n' +
      '-rwxr-xr-x 0/0 513 1970-01-02 00:00 b\n',
  )
  expect(run('-xOf', path)).toBe('y'.repeat(512) + 'x'.repeat(513))
})

test('the same bytes come of any order', () => {
  expect(tar(entries, 0).equals(tar(entries.toReversed(), 0))).toBe(true)
})

test('a name that would be cut is refused', () => {
  expect(() => tar([{ name: 'n'.repeat(101), bytes: Buffer.alloc(0), mode: 0o644 }], 0)).toThrow('too long a name')
})
