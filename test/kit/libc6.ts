import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Pinned } from '../../release/libc6.ts'
import { freshDirectory } from './directory.ts'

const LIBRARIES = ['ld-linux-x86-64.so.2', 'libc.so.6', 'libdl.so.2', 'libm.so.6', 'libpthread.so.0']
const FILES = [...LIBRARIES.map(name => `lib/x86_64-linux-gnu/${name}`), 'usr/share/doc/libc6/copyright']

/** A Debian package of this machine's own C library, so that no test asks a mirror; and its pin. */
export function standInLibc6(): { pinned: Pinned; bytes: Buffer } {
  const home = freshDirectory()
  const tree = join(home, 'tree')
  for (const file of FILES) {
    mkdirSync(dirname(join(tree, file)), { recursive: true })
    copyFileSync(join('/', file), join(tree, file))
  }
  mkdirSync(join(tree, 'DEBIAN'))
  const control = {
    Package: 'libc6',
    Version: '9.9-1+test1',
    Architecture: 'amd64',
    Maintainer: 'nobody',
    Description: 'a',
  }
  const lines = Object.entries(control).map(([name, value]) => `${name}: ${value}\n`)
  writeFileSync(join(tree, 'DEBIAN', 'control'), lines.join(''))
  const path = join(home, 'libc6.deb')
  const made = Bun.spawnSync(['dpkg-deb', '--root-owner-group', '-Znone', '--build', tree, path])
  if (made.exitCode !== 0) throw new Error(made.stderr.toString())
  const bytes = readFileSync(path)
  const sha256 = new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
  return { bytes, pinned: { version: control.Version, architecture: 'amd64', sha256, snapshot: '20260801T000000Z' } }
}
