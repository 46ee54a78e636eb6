import { expect, test } from 'bun:test'
import { mkdirSync, readlinkSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FrontendFault, loadSite } from '../../../src/features/frontend/site.ts'
import { freshDirectory } from '../../kit/directory.ts'
import { builtSpa, SCRIPT } from '../../kit/spa.ts'

const faultOf = (directory: string) => {
  try {
    return loadSite(directory)
  } catch (error) {
    return error instanceof FrontendFault ? error.message : error
  }
}

test('a folder that is not there, is a file, or has no index.html is a fault that says so', () => {
  const dist = builtSpa()
  expect(faultOf(join(dist, 'nowhere'))).toMatch(
    /^FRONTEND_DIR: ".*nowhere" cannot be read \(ENOENT\): name the folder/,
  )
  expect(faultOf(join(dist, 'index.html'))).toMatch(/cannot be read \(ENOTDIR\)/)
  expect(faultOf(join(dist, 'assets'))).toMatch(
    /has no index\.html: name the folder that a build wrote, such as dist\.$/,
  )
  rmSync(join(dist, 'index.html'))
  mkdirSync(join(dist, 'index.html'))
  expect(faultOf(dist)).toMatch(/has no index\.html/)
})

test('more than it should hold in memory is a fault', () => {
  const dist = builtSpa({ 'film.mp4': '' })
  truncateSync(join(dist, 'film.mp4'), 300 * 2 ** 20)
  expect(faultOf(dist)).toMatch(/holds more than 256 MiB, and is kept in memory/)
})

test('its digest is what sha256sum says of its files, hidden ones aside', () => {
  const dist = builtSpa({ '-dash.js': 'no option' })
  const list = `find -L . -type f -not -path '*/.*' -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum -- | sha256sum`
  const said = Bun.spawnSync(['sh', '-c', list], { cwd: dist }).stdout.toString()
  expect(loadSite(dist).digest).toBe(`sha256:${said.slice(0, 64)}`)
})

test('its digest changes with a byte, a name and a file, and not with where it is', () => {
  const before = loadSite(builtSpa()).digest
  expect(loadSite(builtSpa()).digest).toBe(before)
  const others = [{ 'robots.txt': 'User-agent: *\r' }, { 'robots.TXT': '' }, { 'v1/x.txt': '' }].map(builtSpa)
  expect(new Set([before, ...others.map(dist => loadSite(dist).digest)]).size).toBe(4)
})

test('links are followed below the folder, and left out where they lead elsewhere', () => {
  const dist = builtSpa()
  const before = loadSite(dist)
  const links = {
    'same.svg': 'favicon.svg',
    more: 'assets',
    'out.txt': '../secret.txt',
    out: '..',
    root: '/etc',
    'gone.txt': 'nowhere.txt',
    around: '.',
    'assets/up': '..',
    'self.txt': 'self.txt',
  }
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(dist, name))
  const { files, leftOut } = loadSite(dist)
  const added = [...files.keys()].filter(path => !before.files.has(path))
  const inMore = [...before.files.keys()].filter(path => path.startsWith('/assets/'))
  expect(added.sort()).toEqual(['/same.svg', ...inMore.map(path => path.replace('/assets/', '/more/'))].sort())
  // `up` is met in `assets` and in `more`.
  expect([before.leftOut, leftOut]).toEqual([0, 8])
})

test('a folder behind a link is read, as a release or a mount of Kubernetes is', () => {
  const parent = freshDirectory()
  const dist = builtSpa()
  symlinkSync(dist, join(parent, 'current'))
  expect(loadSite(join(parent, 'current')).digest).toBe(loadSite(dist).digest)

  const mount = join(parent, 'mount')
  mkdirSync(join(mount, '..2026_11'), { recursive: true })
  writeFileSync(join(mount, '..2026_11/index.html'), 'mounted')
  symlinkSync('..2026_11', join(mount, '..data'))
  symlinkSync('..data/index.html', join(mount, 'index.html'))
  expect(readlinkSync(join(mount, 'index.html'))).toBe('..data/index.html')
  expect([...loadSite(mount).files.keys()]).toEqual(['/index.html'])
})

test('what is no file, and names that could forge a list of files, are left out', () => {
  const dist = builtSpa({ 'a\nb.txt': '', 'a\\b.txt': '' })
  Bun.spawnSync(['mkfifo', join(dist, 'pipe.txt')])
  const { files, leftOut } = loadSite(dist)
  expect(leftOut).toBe(3)
  expect([...files.keys()].filter(path => /pipe|a.b/.test(path.slice(1, 4)))).toEqual(['/a b/ü.txt'])
})

test('smaller codings of a file go with it', () => {
  const { files } = loadSite(builtSpa())
  expect(files.get(`/${SCRIPT}`)?.codings).toEqual(['br', 'gzip', 'identity'])
  expect(files.get('/robots.txt')?.codings).toEqual(['identity'])
})
