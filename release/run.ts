import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { license, version } from '../package.json' with { type: 'json' }
import { type Binary, binary } from './binary.ts'
import { commit, platforms, root } from './compile.ts'
import { digest, json, measured, sums } from './digest.ts'
import { environment } from './environment.ts'
import { type Image, image } from './image.ts'
import { Gone } from './libc6.ts'
import { manifest, type Release, RUN } from './manifest.ts'
import { provenance } from './provenance.ts'
import { sbom } from './sbom.ts'
import { sourceMap } from './source-map.ts'

// `bun run release`
const RELEASE = join(root, 'dist/release')
const COMPOSE = 'compose.dstack.yaml'

mkdirSync(join(root, 'dist'), { recursive: true })
const made = mkdtempSync(`${RELEASE}-`)
try {
  const said = await release(made)
  chmodSync(made, 0o755)
  rmSync(RELEASE, { recursive: true, force: true })
  renameSync(made, RELEASE)
  console.log(said)
} catch (error) {
  console.error('release: nothing was released:', error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  rmSync(made, { recursive: true, force: true })
}

/** Writes all files of a release into a directory, and gives what a person is told of them. */
async function release(directory: string): Promise<string> {
  const of = commit()
  if (of === 'unknown')
    console.error('release: of no commit (the tree has changes, or no repository): it says "unknown"')
  const binaries: Binary[] = []
  for (const platform of platforms) binaries.push(await binary(directory, platform, of))
  const metafile = await sourceMap(directory, of)
  copyFileSync(join(root, 'examples', COMPOSE), join(directory, COMPOSE))
  const parts: Release = {
    version,
    commit: of,
    bun: { version: Bun.version, revision: Bun.revision },
    lockfile: await digest(join(root, 'bun.lock')),
    binaries,
    image: await imageOr(directory, of),
    compose: { name: COMPOSE, sha256: await digest(join(root, 'examples', COMPOSE)) },
    environment,
  }
  const write = (name: string, value: unknown) => Bun.write(join(directory, name), json(value))
  await write('sbom.cdx.json', sbom({ ...parts, license, metafile }))
  await write('manifest.json', manifest(parts))
  await write('provenance.json', provenance(parts, await measured(directory)))
  const all = sums(await measured(directory))
  await Bun.write(join(directory, 'SHA256SUMS'), all)
  const unrun = binaries.filter(({ platform }) => platform !== RUN).map(({ name }) => name)
  return `${all}\nIn dist/release, of commit ${of}. Built, and never run: ${unrun.join(', ')}. Nobody signed provenance.json.`
}

/** The image, or nothing where the C library that it is made with is not to be had. */
async function imageOr(directory: string, of: string): Promise<Image | null> {
  const binary = join(directory, `sealgate-${RUN}`)
  try {
    return await image({ binary, directory, commit: of, cache: join(root, 'dist/cache'), env: process.env })
  } catch (error) {
    if (!(error instanceof Gone)) throw error
    console.error(`release: without an image: ${error.message}`)
    return null
  }
}
