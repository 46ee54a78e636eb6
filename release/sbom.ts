import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './compile.ts'
import type { Image } from './image.ts'
import type { Release } from './manifest.ts'

interface Embedding extends Pick<Release, 'version' | 'commit' | 'bun' | 'binaries' | 'image'> {
  readonly license: string
  readonly metafile: Bun.BuildMetafile
}

/**
 * CycloneDX 1.6 of what is in the executables: each package that code or a file was taken from, with the hash of its
 * archive as the lockfile has it, who imports whom, and the Bun runtimes; and of the image's C library. It has no serial number and no time, which would
 * be others each time. What a package's maker put into it is not told apart.
 */
export function sbom({ version, commit, license, bun, binaries, image, metafile }: Embedding) {
  const own = `pkg:generic/sealgate@${version}`
  const imports = importsOf(metafile)
  const folders = [...imports.keys()].filter(folder => folder !== OWN).sort()
  const components = new Map(folders.map(folder => [folder, componentOf(folder)]))
  const refOf = (folder: string) => components.get(folder)?.['bom-ref'] ?? own
  const platforms = binaries.map(({ platform, runtime }) => ({
    type: 'platform',
    'bom-ref': `bun-${platform}`,
    name: 'bun',
    version: bun.version,
    description: `The Bun runtime of revision ${bun.revision}, for ${platform}`,
    hashes: [{ alg: 'SHA-256', content: runtime }],
    licenses: [{ expression: 'MIT' }],
    purl: `pkg:github/oven-sh/bun@bun-v${bun.version}`,
  }))
  const foreign = [...platforms, ...(image ? [libc6Of(image)] : [])]
  const dependencies = [...imports].map(([folder, imported]) => {
    const dependsOn = [...imported].map(refOf)
    if (folder === OWN) dependsOn.push(...foreign.map(component => component['bom-ref']))
    return { ref: refOf(folder), dependsOn: dependsOn.sort() }
  })
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      lifecycles: [{ phase: 'build' }],
      component: {
        type: 'application',
        'bom-ref': own,
        name: 'sealgate',
        version,
        licenses: [{ expression: license }],
        purl: own,
        properties: [{ name: 'sealgate:commit', value: commit }],
      },
    },
    components: [...components.values(), ...foreign],
    dependencies: dependencies.sort((a, b) => (a.ref < b.ref ? -1 : 1)),
  }
}

const libc6Of = ({ libc6: { version, sha256 } }: Image) => ({
  type: 'library',
  'bom-ref': 'libc6',
  name: 'libc6',
  version,
  description: 'Five files of Debian’s package, in the image alone, with its copyright file',
  hashes: [{ alg: 'SHA-256', content: sha256 }],
  licenses: [{ expression: 'LGPL-2.1-or-later' }],
  purl: `pkg:deb/debian/libc6@${encodeURIComponent(version)}?arch=amd64`,
})

/** The folder that our own code is in. */
const OWN = ''

/** The folder of the package that a file is of. */
const folderOf = (file: string): string => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0] ?? OWN

/** By the folder of each package that is in the output: those that it imports. */
function importsOf({ inputs, outputs }: Bun.BuildMetafile): Map<string, Set<string>> {
  const embedded = new Set(Object.values(outputs).flatMap(output => Object.keys(output.inputs)))
  const imports = new Map([...embedded].map(file => [folderOf(file), new Set<string>()]))
  for (const file of embedded)
    for (const { path } of inputs[file]?.imports ?? [])
      if (embedded.has(path) && folderOf(path) !== folderOf(file)) imports.get(folderOf(file))?.add(folderOf(path))
  return imports
}

interface Lockfile {
  readonly packages: Readonly<Record<string, readonly unknown[]>>
}

const locked = () => (Bun.JSONC.parse(readFileSync(join(root, 'bun.lock'), 'utf8')) as Lockfile).packages

/** A package as the lockfile pins it, and the terms that its maker states. */
function componentOf(folder: string) {
  const key = folder.replace(/^node_modules\//, '').replaceAll('/node_modules/', '/')
  const [id, , , integrity] = locked()[key] ?? []
  const { license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
  const [, name = '', version = ''] = /^(.+)@(.+)$/.exec(String(id)) ?? []
  const [, sha512] = /^sha512-(.+)$/.exec(String(integrity)) ?? []
  if (!sha512 || typeof license !== 'string')
    throw new Error(`${key}: bun.lock has no hash of it, or it states no license`)
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
  const [, group, short] = /^(@.+)\/(.+)$/.exec(name) ?? []
  return {
    type: 'library',
    'bom-ref': purl,
    ...(group && { group }),
    name: short ?? name,
    version,
    hashes: [{ alg: 'SHA-512', content: Buffer.from(sha512, 'base64').toString('hex') }],
    licenses: [{ expression: license }],
    purl,
  }
}
