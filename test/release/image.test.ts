import { beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { version } from '../../package.json' with { type: 'json' }
import { image } from '../../release/image.ts'
import { executable, start } from '../kit/binary.ts'
import { freshDirectory } from '../kit/directory.ts'
import { mayMount } from '../kit/disk.ts'
import { standInLibc6 } from '../kit/libc6.ts'
import { registry } from '../kit/registry.ts'

const cache = freshDirectory()
const { pinned, bytes } = standInLibc6()
writeFileSync(join(cache, `libc6-${pinned.sha256}.deb`), bytes)

const PATH = String(process.env['PATH'])
const none = freshDirectory()

/** Makes an image of an executable, asking nobody; by default one of a line that is no executable. */
async function made({ binary, env = {} }: { binary?: string; env?: Record<string, string> } = {}) {
  const directory = freshDirectory()
  const path = binary ?? fileOf('an executable')
  const { digest, libc6 } = await image({ binary: path, directory, commit: 'c0ffee', cache, env, libc6: pinned })
  expect(libc6).toEqual({ version: pinned.version, sha256: pinned.sha256 })
  return { digest, path: join(directory, 'oci.tar') }
}

function fileOf(text: string): string {
  const path = join(freshDirectory(), 'sealgate')
  writeFileSync(path, text)
  return path
}

function run(...command: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { env: { PATH, TZ: 'UTC' } })
  if (exitCode !== 0) throw new Error(`${command.join(' ')}: ${stderr}`)
  return stdout.toString()
}

/** Unpacks an image as an engine does, and gives the bundle's directory. */
function unpacked(path: string): string {
  const home = freshDirectory()
  mkdirSync(join(home, 'layout'))
  run('tar', '-xf', path, '-C', join(home, 'layout'))
  run('umoci', 'unpack', '--image', `${home}/layout:${version}`, join(home, 'bundle'))
  return join(home, 'bundle')
}

describe('the image', () => {
  test('is the same bytes in another folder and at another time', async () => {
    const binary = fileOf('an executable')
    utimesSync(binary, 1, 1)
    const [one, other] = [await made(), await made({ binary })]
    expect(other.digest).toBe(one.digest)
    expect(readFileSync(other.path).equals(readFileSync(one.path))).toBe(true)
  })

  test('is another where one byte is', async () => {
    expect((await made({ binary: fileOf('an executablf') })).digest).not.toBe((await made()).digest)
  })

  test('has the time of SOURCE_DATE_EPOCH, which must be one', async () => {
    const { path } = await made({ env: { SOURCE_DATE_EPOCH: '86400' } })
    expect(new Set(run('tar', '-tvf', path).match(/\d{4}-\d\d-\d\d \d\d:\d\d/g))).toEqual(new Set(['1970-01-02 00:00']))
    await expect(made({ env: { SOURCE_DATE_EPOCH: 'today' } })).rejects.toThrow('SOURCE_DATE_EPOCH is "today"')
  })

  test('says so where the package holds not what it needs', async () => {
    const other = { ...pinned, sha256: new Bun.CryptoHasher('sha256').update('x').digest('hex') }
    writeFileSync(join(cache, `libc6-${other.sha256}.deb`), 'x')
    const make = image({ binary: fileOf(''), directory: none, commit: '', cache, env: {}, libc6: other })
    await expect(make).rejects.toThrow('dpkg-deb cannot read')
  })
})

const hasSkopeo = Bun.which('skopeo') !== null
describe.skipIf(!hasSkopeo)(`skopeo${hasSkopeo ? '' : ' [no skopeo]'}`, () => {
  test('finds the digest, the labels and no time', async () => {
    const { digest, path } = await made()
    const { Digest, Labels, Created, Os, Architecture } = JSON.parse(run('skopeo', 'inspect', `oci-archive:${path}`))
    expect([Digest, Created, Os, Architecture]).toEqual([digest, null, 'linux', 'amd64'])
    expect(Labels).toMatchObject({
      'org.opencontainers.image.revision': 'c0ffee',
      'org.opencontainers.image.version': version,
    })
  })

  test('pushes it by that digest, with the line of the README', async () => {
    const { digest, path } = await made()
    using there = registry()
    const readme = readFileSync(join(import.meta.dir, '..', '..', 'README.md'), 'utf8')
    const [line = ''] = /^skopeo copy .*oci-archive:.*$/m.exec(readme) ?? []
    const words = line.replace('dist/release/oci.tar', path).replace('REGISTRY', there.host).replace('VERSION', version)
    const [skopeo = '', copy = '', ...rest] = words.split(' ')
    // Not awaited by `run`, which would keep the registry from answering.
    const push = Bun.spawn([skopeo, copy, '--dest-tls-verify=false', ...rest], { stdout: 'ignore', stderr: 'pipe' })
    expect([await push.exited, await new Response(push.stderr).text()]).toEqual([0, ''])
    expect(there.pushed).toEqual([[`/v2/sealgate/manifests/${version}`, digest]])
  })
})

const isRoot = process.getuid?.() === 0
const lacking = Bun.which('umoci') === null ? ' [no umoci]' : isRoot ? '' : ' [no right to mount]'
describe.skipIf(lacking !== '')(`umoci${lacking}`, () => {
  test('unpacks it: the executable, its C library, and a directory of its own', async () => {
    const bundle = unpacked((await made()).path)
    const found = run('find', join(bundle, 'rootfs'), '-mindepth', '1', '-printf', '%P %M %U:%G %TY\n')
    expect(found.trim().split('\n').sort()).toEqual([
      'data drwx------ 65532:65532 1970',
      'lib drwxr-xr-x 0:0 1970',
      'lib/x86_64-linux-gnu drwxr-xr-x 0:0 1970',
      'lib/x86_64-linux-gnu/libc.so.6 -rwxr-xr-x 0:0 1970',
      'lib/x86_64-linux-gnu/libdl.so.2 -rwxr-xr-x 0:0 1970',
      'lib/x86_64-linux-gnu/libm.so.6 -rwxr-xr-x 0:0 1970',
      'lib/x86_64-linux-gnu/libpthread.so.0 -rwxr-xr-x 0:0 1970',
      'lib64 drwxr-xr-x 0:0 1970',
      'lib64/ld-linux-x86-64.so.2 -rwxr-xr-x 0:0 1970',
      'usr drwxr-xr-x 0:0 1970',
      'usr/local drwxr-xr-x 0:0 1970',
      'usr/local/bin drwxr-xr-x 0:0 1970',
      'usr/local/bin/sealgate -rwxr-xr-x 0:0 1970',
      'usr/share drwxr-xr-x 0:0 1970',
      'usr/share/doc drwxr-xr-x 0:0 1970',
      'usr/share/doc/libc6 drwxr-xr-x 0:0 1970',
      'usr/share/doc/libc6/copyright -rw-r--r-- 0:0 1970',
    ])
    const { process: started } = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'))
    expect(started).toMatchObject({ user: { uid: 65532, gid: 65532 }, args: ['/usr/local/bin/sealgate'], cwd: '/data' })
  })
})

// What an engine does: /proc and /dev, a file of hosts, the volume, then nothing more to be written, the user and the directory.
const ENGINE = `
  cd rootfs; mkdir -p proc dev etc ../volume; echo 127.0.0.9 enclave.example > etc/hosts; chown 65532:65532 ../volume
  mount --bind . .; mount -o remount,bind,ro "$PWD"; cd "$PWD"
  mount -t proc proc proc; mount --bind /dev dev; mount --bind ../volume data
  exec env -i "$@"`
const AS = ['/usr/bin/unshare', '--root=.', '--wd=/data', '--setuid=65532', '--setgid=65532', '/usr/local/bin/sealgate']
const SETTINGS = { TINFOIL_API_KEY: 'tk', JWKS_URL: 'http://127.0.0.1:1', ISSUER: 'https://id.example', PORT: '0' }

const lackingHere = lacking || (mayMount() ? '' : ' [no right to mount]')
describe.skipIf(lackingHere !== '')(`the image on a read-only root${lackingHere}`, () => {
  let bundle = ''
  beforeAll(async () => {
    bundle = unpacked((await made({ binary: await executable() })).path)
  })

  const inside = (env: Record<string, string>, ...args: string[]) => {
    const set = Object.entries(env).map(([name, value]) => `${name}=${value}`)
    const command = ['--mount', 'sh', '-ec', ENGINE, 'sh', ...set, ...AS, ...args]
    return start('unshare', { cwd: bundle, env: { PATH }, args: command })
  }

  test('serves as its user, is well by its own word, and writes to /data alone', async () => {
    const gateway = inside(SETTINGS)
    const [, port = ''] = await gateway.says(/listening port=(\d+)/)
    const answer = await fetch(`http://127.0.0.1:${port}/health`)
    const check = inside({}, 'healthcheck', '--port', port)
    const status = readFileSync(`/proc/${gateway.pid}/status`, 'utf8')
    expect([answer.status, await check.exited]).toEqual([200, 0])
    expect(status).toMatch(/^Uid:\t65532\t65532\t65532\t65532$/m)
    gateway.signal('SIGTERM')
    expect(await gateway.exited).toBe(0)
    expect(readdirSync(join(bundle, 'volume')).sort()).toEqual(['sealgate.db', 'sealgate.db.key'])
    // It ends in a VACUUM, which writes the database anew, and there is no /tmp.
    const rekey = inside({ DATA_KEY: 'ab'.repeat(32) }, 'rekey')
    expect([await rekey.exited, rekey.output()]).toEqual([0, expect.stringContaining('rekey: done')])
  })

  test('serves by two workers', async () => {
    const gateway = inside({ ...SETTINGS, WORKERS: '2', METRICS_ADDR: 'off', DATABASE_URL: 'sqlite:workers.db' })
    const [, port = ''] = await gateway.says(/supervising workers=2 port=(\d+)/)
    await gateway.says(/listening port=\d+ worker=1\n/)
    const check = inside({}, 'healthcheck', '--port', port)
    expect(await check.exited).toBe(0)
    gateway.signal('SIGTERM')
    expect(await gateway.exited).toBe(0)
  })

  test('finds a name where it is listed, and says where one is not to be found', async () => {
    const script = `for (const name of ['enclave.example', 'nowhere.invalid'])
      require('node:dns').lookup(name, (error, address) => console.log(name, error?.code ?? address))`
    const asking = inside({ BUN_BE_BUN: '1' }, '-e', script)
    await asking.exited
    expect(asking.output()).toContain('enclave.example 127.0.0.9\n')
    expect(asking.output()).toMatch(/^nowhere.invalid (ENOTFOUND|EAI_AGAIN)$/m)
  })
})
