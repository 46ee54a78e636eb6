import { afterAll, beforeEach, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LIBC6, libc6Package, placesOf } from '../../release/libc6.ts'
import { freshDirectory } from '../kit/directory.ts'

const root = join(import.meta.dir, '..', '..')
const bytes = Buffer.from('a package')
const pinned = { ...LIBC6, sha256: new Bun.CryptoHasher('sha256').update(bytes).digest('hex') }
const POOL = `/archive/debian/${LIBC6.snapshot}/pool/main/g/glibc`

const asked: string[] = []
const archive = Bun.serve({
  port: 0,
  fetch: ({ url }) => {
    const { pathname } = new URL(url)
    asked.push(pathname)
    if (pathname.startsWith('/empty')) return new Response('not here', { status: 404 })
    return new Response(pathname.startsWith('/other') ? 'another package' : bytes)
  },
})
const at = (path: string) => `http://127.0.0.1:${archive.port}${path}`
afterAll(() => archive.stop(true))
beforeEach(() => {
  asked.length = 0
})

/** A PATH with no program on it but an `apt-get` that runs these lines. */
function apt(script: string): string {
  const path = freshDirectory()
  writeFileSync(join(path, 'apt-get'), `#!/bin/sh\n${script}\n`)
  chmodSync(join(path, 'apt-get'), 0o755)
  return path
}

const ABSENT = "echo 'E: Version was not found' >&2; exit 100"
const none = freshDirectory()

test('the mirror is asked first, for that version and architecture, and nobody by the second run', async () => {
  const PATH = apt(`echo "$@" > '${none}/args'; printf 'a package' > libc6_x.deb`)
  const cache = freshDirectory()
  const path = await libc6Package(pinned, cache, placesOf({ PATH, DEBIAN_SNAPSHOT: at('') }))
  expect(readFileSync(path)).toEqual(bytes)
  expect(readFileSync(join(none, 'args'), 'utf8')).toEndWith(` download libc6:amd64=${LIBC6.version}\n`)
  expect(await libc6Package(pinned, cache, [])).toBe(path)
  expect(asked).toEqual([])
})

test('where the mirror has it no more, the snapshot archive is asked for that moment', async () => {
  const places = placesOf({ PATH: apt(ABSENT), DEBIAN_SNAPSHOT: at('/') })
  expect(readFileSync(await libc6Package(pinned, freshDirectory(), places))).toEqual(bytes)
  expect(asked).toEqual([`${POOL}/libc6_${LIBC6.version}_amd64.deb`])
})

test('other bytes are not taken, from a mirror, from the archive or from the cache', async () => {
  const cache = freshDirectory()
  const other = placesOf({ PATH: apt('printf x > libc6_x.deb'), DEBIAN_SNAPSHOT: at('/other') })
  const had = libc6Package(pinned, cache, other)
  await expect(had).rejects.toThrow(
    /apt-get download: gave other bytes: their SHA-256 is 2d711642\w+\n.*archive: gave other bytes: their SHA-256 is \w{64}\n/,
  )
  const path = await libc6Package(pinned, cache, placesOf({ PATH: none, DEBIAN_SNAPSHOT: at('') }))
  writeFileSync(path, 'damaged')
  await expect(libc6Package(pinned, cache, [])).rejects.toThrow('not to be had')
  expect(readFileSync(await libc6Package(pinned, cache, placesOf({ DEBIAN_SNAPSHOT: at('') })))).toEqual(bytes)
})

test('what is nowhere is said of each place, with the way out', async () => {
  const had = (env: Record<string, string>) => libc6Package(pinned, freshDirectory(), placesOf(env))
  await expect(had({ PATH: apt(ABSENT), DEBIAN_SNAPSHOT: at('/empty') })).rejects.toThrow(
    `the snapshot archive: ${at('/empty')}${POOL}/libc6_${LIBC6.version}_amd64.deb answered 404\n`,
  )
  await expect(had({ PATH: none })).rejects.toThrow(
    `libc6 ${LIBC6.version} (amd64) is not to be had, and the image is made with no other:
  the current mirror, by apt-get download: no apt here
  the snapshot archive: not asked: DEBIAN_SNAPSHOT is not set
Set DEBIAN_SNAPSHOT to the address`,
  )
})

test('the program stops there, with 1', async () => {
  const cwd = join(none, 'cwd')
  mkdirSync(cwd)
  const run = Bun.spawn([process.execPath, join(root, 'release', 'image-run.ts')], {
    cwd,
    env: { PATH: apt(ABSENT) },
    stderr: 'pipe',
  })
  const said = await new Response(run.stderr).text()
  expect([await run.exited, said]).toEqual([
    1,
    expect.stringContaining('by apt-get download: E: Version was not found\n'),
  ])
  expect(said).toContain('not asked: DEBIAN_SNAPSHOT is not set\n')
})
