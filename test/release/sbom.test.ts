import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { devDependencies, license } from '../../package.json' with { type: 'json' }
import { root } from '../../release/compile.ts'
import { sbom } from '../../release/sbom.ts'
import { released } from '../kit/released.ts'

const { metafile } = await Bun.build({ entrypoints: [join(root, 'src/main.ts')], target: 'bun', metafile: true })
if (!metafile) throw new Error('Bun said nothing of what it bundled')
const image = { digest: `sha256:${'1a'.repeat(32)}`, libc6: { version: '2.36-9', sha256: '1b'.repeat(32) } }
const made = sbom({ ...released, image, license, metafile })
const components = made.components.map(({ purl }) => purl)

test('it is CycloneDX 1.6 by the schema', () => {
  const library = import.meta.resolve('@cyclonedx/cyclonedx-library/package.json')
  const read = (file: string) => JSON.parse(readFileSync(new URL(`res/schema/${file}`, library), 'utf8'))
  const ajv = new Ajv({ strict: false, validateFormats: false })
  for (const file of ['spdx.SNAPSHOT.schema.json', 'jsf-0.82.SNAPSHOT.schema.json'])
    ajv.addSchema(read(file), `http://cyclonedx.org/schema/${file}`)
  const valid = ajv.compile(read('bom-1.6.SNAPSHOT.schema.json'))
  expect(valid(made) || valid.errors).toBe(true)
  expect(valid({ ...made, serialNumber: 'none' })).toBe(false)
})

test('it names what is bundled, as it is locked, and nothing that only tests need', () => {
  const [jose] = made.components.filter(({ name }) => name === 'jose')
  const locked = readFileSync(join(root, 'bun.lock'), 'utf8')
  const sha512 = Buffer.from(jose?.hashes[0]?.content ?? '', 'hex').toString('base64')
  expect(locked).toContain(`"jose@${jose?.version}", "", {}, "sha512-${sha512}"`)
  expect(components).toContain('pkg:npm/%40noble/curves@2.0.1')
  for (const [name, version] of Object.entries(devDependencies))
    expect(components).not.toContain(`pkg:npm/${name.replace('@', '%40')}@${version}`)
})

test('it names the Bun runtime of each executable', () => {
  const [x64, arm64] = made.components.filter(({ name }) => name === 'bun').map(({ hashes }) => hashes[0])
  expect(x64).toEqual({ alg: 'SHA-256', content: 'b6'.repeat(32) })
  expect(arm64).toEqual({ alg: 'SHA-256', content: 'ba'.repeat(32) })
})

test('it names the C library of the image, where there is one', () => {
  const libraries = ({ components }: ReturnType<typeof sbom>) => components.filter(({ name }) => name === 'libc6')
  expect(libraries(made)).toMatchObject([{ version: '2.36-9', hashes: [{ alg: 'SHA-256', content: '1b'.repeat(32) }] }])
  expect(libraries(sbom({ ...released, license, metafile }))).toEqual([])
})

test('whoever is imported is in it, and by whom', () => {
  const refs = [made.metadata.component['bom-ref'], ...made.components.map(component => component['bom-ref'])]
  expect(made.dependencies.flatMap(({ dependsOn }) => dependsOn).filter(ref => !refs.includes(ref))).toEqual([])
  const dependsOn = (name: string) => made.dependencies.find(({ ref }) => ref.includes(name))?.dependsOn
  expect(dependsOn('sealgate@')).toContainEqual(expect.stringContaining('npm/elysia@'))
  expect(dependsOn('npm/elysia@')).toContainEqual(expect.stringContaining('npm/memoirist@'))
})
