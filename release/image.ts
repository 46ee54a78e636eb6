import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { license, version } from '../package.json' with { type: 'json' }
import { ALLOCATOR } from '../src/allocator.ts'
import { sha256 } from './digest.ts'
import { LIBC6, libc6Package, type Pinned, placesOf } from './libc6.ts'
import { type Entry, tar } from './tar.ts'

/** Whom the gateway runs as in its image: nobody's user in most others. */
const USER = 65532
const SEALGATE = '/usr/local/bin/sealgate'
const SECOND = 1_000_000_000

/** Where each file that is not ours stands in the image, and in libc6. */
const FOREIGN: Readonly<Record<string, string>> = {
  'lib/x86_64-linux-gnu/libc.so.6': './lib/x86_64-linux-gnu/libc.so.6',
  'lib/x86_64-linux-gnu/libdl.so.2': './lib/x86_64-linux-gnu/libdl.so.2',
  'lib/x86_64-linux-gnu/libm.so.6': './lib/x86_64-linux-gnu/libm.so.6',
  'lib/x86_64-linux-gnu/libpthread.so.0': './lib/x86_64-linux-gnu/libpthread.so.0',
  'lib64/ld-linux-x86-64.so.2': './lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
  'usr/share/doc/libc6/copyright': './usr/share/doc/libc6/copyright',
}

interface Make {
  /** The path of the executable, for linux x64. */
  readonly binary: string
  /** Where `oci.tar` is written. */
  readonly directory: string
  /** What the executable was built from. */
  readonly commit: string
  /** Where the C library's package is kept. */
  readonly cache: string
  /** Of the build: SOURCE_DATE_EPOCH, DEBIAN_SNAPSHOT and PATH count. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly libc6?: Pinned
}

/** What was made. */
export interface Image {
  /** Of the manifest: what the image is pulled by. */
  readonly digest: string
  readonly libc6: { readonly version: string; readonly sha256: string }
}

/**
 * Writes the image as an archive of an OCI image layout (image-spec 1.1), the same bytes wherever and whenever it is made.
 * @throws Gone where the pinned C library is not to be had.
 */
export async function image({ binary, directory, commit, cache, env, libc6 = LIBC6 }: Make): Promise<Image> {
  const library = await filesOf(await libc6Package(libc6, cache, placesOf(env)))
  const mtime = epoch(env['SOURCE_DATE_EPOCH'])
  // Not compressed: what gzip makes of it depends on the zlib and on the processor.
  const layer = tar([...ours(readFileSync(binary)), ...library], mtime)
  const { digest, blobs, index } = layout(layer, commit)
  const file = (name: string, bytes: Uint8Array): Entry => ({ name, bytes, mode: 0o644 })
  const archive = tar(
    [
      ...['blobs', 'blobs/sha256'].map(name => ({ name, mode: 0o755 })),
      ...blobs.map(bytes => file(`blobs/sha256/${sha256(bytes)}`, bytes)),
      file('index.json', index),
      file('oci-layout', json({ imageLayoutVersion: '1.0.0' })),
    ],
    mtime,
  )
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'oci.tar'), archive)
  return { digest, libc6: { version: libc6.version, sha256: libc6.sha256 } }
}

/** Gives the files that the image takes of the package, with the directories that they and ours are in. */
async function filesOf(path: string): Promise<Entry[]> {
  const child = Bun.spawn(['dpkg-deb', '--fsys-tarfile', path], { stdout: 'pipe', stderr: 'pipe' })
  const [files, said] = await Promise.all([new Response(child.stdout).bytes(), new Response(child.stderr).text()])
  if ((await child.exited) !== 0) throw new Error(`dpkg-deb cannot read ${path}: ${said}`)
  const held = await new Bun.Archive(files).files()
  return Promise.all(
    Object.entries(FOREIGN).map(async ([name, inside]) => {
      const file = held.get(inside)
      if (!file) throw new Error(`${inside} is not in ${path}`)
      return { name, bytes: await file.bytes(), mode: name.startsWith('lib') ? 0o755 : 0o644 }
    }),
  )
}

function ours(binary: Uint8Array): Entry[] {
  const paths = [...Object.keys(FOREIGN), SEALGATE.slice(1)]
  const directories = new Set(paths.flatMap(path => [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index))))
  return [
    ...[...directories].map(name => ({ name, mode: 0o755 })),
    { name: 'data', mode: 0o700, owner: USER },
    { name: SEALGATE.slice(1), bytes: binary, mode: 0o755 },
  ]
}

/** The config, as the Dockerfile says it too. `Healthcheck` is Docker's own, which others pass over. */
const configOf = (layer: Uint8Array, commit: string) => ({
  architecture: 'amd64',
  os: 'linux',
  config: {
    User: `${USER}:${USER}`,
    Env: Object.entries(ALLOCATOR).map(setting => setting.join('=')),
    ExposedPorts: { '5381/tcp': {} },
    Entrypoint: [SEALGATE],
    Volumes: { '/data': {} },
    WorkingDir: '/data',
    Healthcheck: { Test: ['CMD', SEALGATE, 'healthcheck'], Interval: 30 * SECOND, Timeout: 6 * SECOND },
    Labels: {
      'org.opencontainers.image.licenses': license,
      'org.opencontainers.image.revision': commit,
      'org.opencontainers.image.title': 'sealgate',
      'org.opencontainers.image.version': version,
    },
  },
  rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
})

function layout(layer: Uint8Array, commit: string) {
  const config = json(configOf(layer, commit))
  const manifest = json({
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config: descriptor('config.v1+json', config),
    layers: [descriptor('layer.v1.tar', layer)],
  })
  const entry = {
    ...descriptor('manifest.v1+json', manifest),
    platform: { architecture: 'amd64', os: 'linux' },
    annotations: { 'org.opencontainers.image.ref.name': version },
  }
  const index = json({ schemaVersion: 2, mediaType: `${OCI}.index.v1+json`, manifests: [entry] })
  return { digest: entry.digest, blobs: [layer, config, manifest], index }
}

const OCI = 'application/vnd.oci.image'

const descriptor = (type: string, bytes: Uint8Array) => ({
  mediaType: `${OCI}.${type}`,
  digest: `sha256:${sha256(bytes)}`,
  size: bytes.length,
})

/** @throws Error for what is not a time. */
function epoch(said: string | undefined): number {
  if (said === undefined || said === '') return 0
  if (!/^\d{1,10}$/.test(said)) throw new Error(`SOURCE_DATE_EPOCH is "${said}", not whole seconds since 1970`)
  return Number(said)
}

const json = (value: unknown) => Buffer.from(JSON.stringify(value))
