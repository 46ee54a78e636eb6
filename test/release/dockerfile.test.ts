import { expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageManager } from '../../package.json' with { type: 'json' }
import { image } from '../../release/image.ts'
import { freshDirectory } from '../kit/directory.ts'
import { standInLibc6 } from '../kit/libc6.ts'

const root = join(import.meta.dir, '..', '..')
const text = readFileSync(join(root, 'Dockerfile'), 'utf8')
  .replaceAll('\\\n', '')
  .replace(/^#.*\n/gm, '')
const [building = '', last = ''] = text.split('FROM scratch\n')

/** What follows an instruction, each time that it stands in the last stage. */
const said = (instruction: string) =>
  [...last.matchAll(new RegExp(`^${instruction} (.*)$`, 'gm'))].map(([, words]) => String(words))

async function made() {
  const [cache, directory, home] = [freshDirectory(), freshDirectory(), freshDirectory()]
  const { pinned, bytes } = standInLibc6()
  writeFileSync(join(cache, `libc6-${pinned.sha256}.deb`), bytes)
  writeFileSync(join(home, 'sealgate'), 'an executable')
  await image({ binary: join(home, 'sealgate'), directory, commit: '$SEALGATE_COMMIT', cache, env: {}, libc6: pinned })
  const files = await new Bun.Archive(readFileSync(join(directory, 'oci.tar'))).files()
  const blob = ({ digest }: { digest: string }) => files.get(`blobs/${digest.replace(':', '/')}`) as File
  const index = JSON.parse(await (files.get('index.json') as File).text())
  const manifest = JSON.parse(await blob(index.manifests[0]).text())
  const layer = await new Bun.Archive(await blob(manifest.layers[0]).bytes()).files()
  return { config: JSON.parse(await blob(manifest.config).text()).config, paths: [...layer.keys()] }
}

test('the Dockerfile says what the image says', async () => {
  const { config } = await made()
  const [, interval, timeout, command] =
    /^--interval=(\d+)s --timeout=(\d+)s CMD (.*)$/.exec(said('HEALTHCHECK').join()) ?? []
  expect(said('LABEL').sort()).toEqual(Object.entries(config.Labels).map(([name, value]) => `${name}=${value}`))
  expect({
    User: said('USER').join(),
    Env: said('ENV'),
    ExposedPorts: Object.fromEntries(said('EXPOSE').map(port => [`${port}/tcp`, {}])),
    Entrypoint: JSON.parse(said('ENTRYPOINT').join()),
    Volumes: Object.fromEntries(said('VOLUME').map(path => [path, {}])),
    WorkingDir: said('WORKDIR').join(),
    Healthcheck: {
      Test: ['CMD', ...JSON.parse(String(command))],
      Interval: Number(interval) * 1e9,
      Timeout: Number(timeout) * 1e9,
    },
    Labels: config.Labels,
  }).toEqual(config)
  expect([said('CMD'), said('RUN')]).toEqual([[], []])
})

test('it gathers the files that the image holds, at the same paths', async () => {
  const { paths } = await made()
  const cwd = freshDirectory()
  mkdirSync(join(cwd, 'dist'))
  // Bun's own executable needs the libraries that a compiled one needs.
  symlinkSync(process.execPath, join(cwd, 'dist', 'sealgate'))
  const [, gathering = ''] = /^RUN (install .*)$/m.exec(building) ?? []
  const run = Bun.spawnSync(['sh', '-ec', gathering], { cwd })
  expect([run.exitCode, run.stderr.toString()]).toEqual([0, ''])
  const gathered = readdirSync(join(cwd, 'image'), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(join(cwd, 'image/').length))
  expect(gathered.sort()).toEqual(paths.sort())
  expect(statSync(join(cwd, 'data')).mode & 0o777).toBe(0o700)
  expect(said('COPY')).toEqual(['--from=build /build/image /', '--from=build --chown=65532:65532 /build/data /data'])
})

test('its base must be named, and no digest stands in it that nobody looked up', () => {
  expect(building).toMatch(/^ARG BUN_IMAGE\nFROM \$\{BUN_IMAGE\} AS build\n/)
  expect(text).not.toContain('sha256:')
  expect(readFileSync(join(root, 'Dockerfile'), 'utf8')).toContain(`inspect oven/${packageManager.replace('@', ':')} `)
})
