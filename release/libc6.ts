import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sha256 } from './digest.ts'

/** One version of Debian's C library, and a moment at which it stood in the archive. */
export interface Pinned {
  readonly version: string
  readonly architecture: string
  /** Of the package, in hex. */
  readonly sha256: string
  /** As the snapshot archive writes it. */
  readonly snapshot: string
}

/** The C library of the image: that of Debian 12.15, of 2026-07-11. */
export const LIBC6: Pinned = {
  version: '2.36-9+deb12u14',
  architecture: 'amd64',
  sha256: 'ba4f88f73dbc3ae9055f3c20f4523bfdbaf1ad13ff95e258924f77d20b4fbedf',
  snapshot: '20260801T000000Z',
}

/** Somewhere a package may be had. */
export interface Place {
  readonly name: string
  /** @throws Error that says why it is not to be had there. */
  get(pinned: Pinned): Promise<Uint8Array>
}

/** The pinned C library is nowhere: the message names each place, and why it was not had there. */
export class Gone extends Error {}

/**
 * Gives the path of the package, which is what its pin says. It is kept in the directory `cache`, and places are asked, one
 * after another, only where it is not there.
 * @throws Gone
 */
export async function libc6Package(pinned: Pinned, cache: string, places: readonly Place[]): Promise<string> {
  const path = join(cache, `libc6-${pinned.sha256}.deb`)
  if (existsSync(path) && sha256(readFileSync(path)) === pinned.sha256) return path
  const reasons: string[] = []
  for (const { name, get } of places) {
    try {
      const bytes = await get(pinned)
      if (sha256(bytes) !== pinned.sha256) throw new Error(`gave other bytes: their SHA-256 is ${sha256(bytes)}`)
      mkdirSync(cache, { recursive: true })
      writeFileSync(`${path}.part`, bytes)
      renameSync(`${path}.part`, path)
      return path
    } catch (error) {
      reasons.push(`  ${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const { version, architecture } = pinned
  throw new Gone(
    `libc6 ${version} (${architecture}) is not to be had, and the image is made with no other:\n${reasons.join('\n')}\n` +
      'Set DEBIAN_SNAPSHOT to the address of Debian’s snapshot archive, or pin another version in release/libc6.ts.',
  )
}

/** Where a build looks, by its environment: PATH and DEBIAN_SNAPSHOT. */
export const placesOf = (env: Readonly<Record<string, string | undefined>>): readonly Place[] => [
  mirror(env['PATH']),
  snapshot(env['DEBIAN_SNAPSHOT']),
]

const mirror = (path: string | undefined): Place => ({
  name: 'the current mirror, by apt-get download',
  get: async ({ version, architecture }) => {
    const apt = Bun.which('apt-get', { PATH: path ?? '' })
    if (!apt) throw new Error('no apt here')
    const cwd = mkdtempSync(join(tmpdir(), 'sealgate-libc6-'))
    try {
      // Without a sandbox user of its own: that one may not write into this directory.
      const args = ['-qq', '-o', 'APT::Sandbox::User=root', 'download', `libc6:${architecture}=${version}`]
      const child = Bun.spawn([apt, ...args], { cwd, stdout: 'ignore', stderr: 'pipe' })
      const said = await new Response(child.stderr).text()
      const [file] = readdirSync(cwd).filter(name => name.endsWith('.deb'))
      if ((await child.exited) !== 0 || !file) throw new Error(said.trim().split('\n').at(-1) || 'apt-get gave no file')
      return readFileSync(join(cwd, file))
    } finally {
      rmSync(cwd, { recursive: true })
    }
  },
})

const SNAPSHOT_MS = 120_000

const snapshot = (address: string | undefined): Place => ({
  name: 'the snapshot archive',
  get: async ({ version, architecture, snapshot }) => {
    if (!address) throw new Error('not asked: DEBIAN_SNAPSHOT is not set')
    const base = address.replace(/\/+$/, '')
    const url = `${base}/archive/debian/${snapshot}/pool/main/g/glibc/libc6_${version}_${architecture}.deb`
    const answer = await fetch(url, { signal: AbortSignal.timeout(SNAPSHOT_MS) })
    if (!answer.ok) throw new Error(`${url} answered ${answer.status}`)
    return answer.bytes()
  },
})
