import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Coding } from '../../protocol/codings.ts'
import { isHashed } from '../../protocol/hashed-name.ts'
import { quoted } from '../../protocol/kinds.ts'
import { filesBelow } from './folder.ts'

// All of it is held in memory: what a TEE states of it is then what is served, and no request looks at a disk.
const MOST_MIB = 256
const SIBLINGS = { br: '.br', gzip: '.gz' } as const

/** A front end that cannot be served; the message says why, and the way out. */
export class FrontendFault extends Error {
  override readonly name = 'FrontendFault'
}

/** The bytes of a file, in one coding. */
export interface Variant {
  readonly body: Blob
  /** A strong validator (RFC 9110 section 8.8.3), in its quotes. */
  readonly etag: string
}

/** A file as it is served. */
export interface SiteFile {
  readonly type: string
  readonly caching: string
  readonly variants: Readonly<Partial<Record<Coding, Variant>>> & { readonly identity: Variant }
  /** Those that are there, ours of choice first. */
  readonly codings: readonly Coding[]
}

/** All files of a front end. */
export interface Site {
  /** By path, as `/assets/index.js`. */
  readonly files: ReadonlyMap<string, SiteFile>
  readonly index: SiteFile
  /** `sha256:` and SHA-256, in hex, of what `sha256sum` prints of all of them, sorted by path. */
  readonly digest: string
  readonly bytes: number
  /** How many names are not among them, those with a dot in front aside. */
  readonly leftOut: number
}

/** Reads a folder whole; of names that begin with a dot nothing. @throws FrontendFault */
export function loadSite(directory: string): Site {
  const name = `FRONTEND_DIR: ${quoted(directory)}`
  try {
    const { found, leftOut } = filesBelow(directory)
    const bytes = found.reduce((sum, { size }) => sum + size, 0)
    if (bytes > MOST_MIB * 2 ** 20)
      throw new FrontendFault(
        `${name} holds more than ${MOST_MIB} MiB, and is kept in memory: serve large files elsewhere.`,
      )
    const read = found.map(({ path, real }) => ({ path, ...contentOf(real) }))
    const lines = read.map(({ path, hash }) => `${hash.toString('hex')}  ${path}\n`)
    const digest = `sha256:${createHash('sha256').update(lines.join('')).digest('hex')}`
    const files = filesOf(
      new Map(read.map(({ path, body, hash }) => [path, { body, etag: `"${hash.toString('base64url')}"` }])),
    )
    const index = files.get('/index.html')
    if (!index) throw new FrontendFault(`${name} has no index.html: name the folder that a build wrote, such as dist.`)
    return { files, index, digest, bytes, leftOut }
  } catch (cause) {
    if (cause instanceof FrontendFault) throw cause
    const code = cause instanceof Error && 'code' in cause ? ` (${cause.code})` : ''
    throw new FrontendFault(`${name} cannot be read${code}: name the folder that a build wrote, such as dist.`, {
      cause,
    })
  }
}

function contentOf(path: string): { body: Blob; hash: Buffer } {
  const bytes = readFileSync(path)
  return { body: new Blob([bytes]), hash: createHash('sha256').update(bytes).digest() }
}

function filesOf(all: ReadonlyMap<string, Variant>): ReadonlyMap<string, SiteFile> {
  return new Map(all.entries().map(([path, identity]) => [`/${path}`, fileOf(path, identity, all)]))
}

function fileOf(path: string, identity: Variant, all: ReadonlyMap<string, Variant>): SiteFile {
  const { type } = Bun.file(path)
  const siblings = Object.entries(SIBLINGS).flatMap(([coding, end]) => {
    const variant = all.get(path + end)
    return variant && identity.body.size > 0 ? [[coding as Coding, variant] as const] : []
  })
  return {
    type,
    caching: type.startsWith('text/html') ? 'no-store' : isHashed(path) ? IMMUTABLE : 'no-cache',
    variants: { ...Object.fromEntries(siblings), identity },
    codings: [...siblings.map(([coding]) => coding), 'identity'],
  }
}

const IMMUTABLE = 'public, max-age=31536000, immutable'
