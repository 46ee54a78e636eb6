import { afterAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { dependencies } from '../../package.json'
import { surroundings } from '../../src/config/surroundings.ts'
import { hurl } from '../kit/attack.ts'
import { executable, type Running, start, startDev } from '../kit/binary.ts'
import { forLocalhost } from '../kit/certificates.ts'
import { freshDirectory } from '../kit/directory.ts'
import { publish, signer } from '../kit/jwt.ts'
import { rawUpstream } from '../kit/raw.ts'
import { answerBytes } from '../kit/stage.ts'

const sealgate = await executable()
const alive: Running[] = []
afterAll(async () => {
  for (const running of alive) running.signal('SIGKILL')
  await Promise.all(alive.map(running => running.exited))
})

const begin = (options: Parameters<typeof start>[1], program = sealgate): Running => {
  const running = start(program, options)
  alive.push(running)
  return running
}

/** A directory with files in it. */
function holding(files: Readonly<Record<string, string>>): string {
  const cwd = freshDirectory()
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(cwd, path)), { recursive: true })
    writeFileSync(join(cwd, path), text)
  }
  return cwd
}

const PLANTED = 'console.error("planted code ran")\n'
const NEEDED = { TINFOIL_API_KEY: 'tk-secret', JWKS_URL: 'http://127.0.0.1:1/keys', ISSUER: 'https://id.example' }

describe('a production start is refused, by name and with 2, where the environment has', () => {
  const cwd = holding({ 'planted.js': PLANTED })
  const proxy = 'http://127.0.0.1:1'
  const kinds: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    'what Bun takes for no': { BUN_BE_BUN: '0' },
    'flags of Bun': { BUN_OPTIONS: '--preload ./planted.js' },
    'a debugger': { BUN_INSPECT: '127.0.0.1:0' },
    'an option of the engine': { BUN_JSC_useJIT: '0' },
    'what prints': { BUN_CONFIG_VERBOSE_FETCH: 'curl', NODE_DEBUG: 'http' },
    'what a crash runs': { BUN_CRASH_REPORT_URL: proxy, BUN_ENABLE_CRASH_REPORTING: '1' },
    'what Bun writes': { BUN_BYTECODE_ORDER_OUT: './order' },
    'other parts of Bun': { BUN_FEATURE_FLAG_EXPERIMENTAL_HTTP3_CLIENT: '1' },
    'flags of Node': { NODE_OPTIONS: '--require ./planted.js' },
    'leave to trust anybody': { NODE_TLS_REJECT_UNAUTHORIZED: '0' },
    roots: { NODE_EXTRA_CA_CERTS: '/x.pem', NODE_USE_SYSTEM_CA: '1', SSL_CERT_DIR: '/x', SSL_CERT_FILE: '/x.pem' },
    proxies: { ALL_PROXY: proxy, HTTPS_PROXY: proxy, HTTP_PROXY: proxy },
    'proxies in small letters': { all_proxy: proxy, http_proxy: proxy, https_proxy: proxy },
    libraries: { LD_AUDIT: '/x.so', LD_LIBRARY_PATH: '/x', LD_PRELOAD: '/x.so' },
    'what tunes the C library': { GLIBC_TUNABLES: 'glibc.malloc.perturb=1' },
  }

  test.each(Object.entries(kinds))('%s', async (kind, env) => {
    const running = begin({ cwd, env: { ...NEEDED, ...env } })
    expect(await running.exited).toBe(2)
    const named = [...running.output().matchAll(/^ {2}(\w+) is set, which .*ALLOW_ENV$/gm)].map(([, name]) => name)
    expect(named).toEqual(Object.keys(env).sort())
    // What acts before us has acted: only a compose file that is measured can keep it out.
    expect(running.output().includes('planted code ran')).toBe(kind === 'flags of Bun')
  })

  test('any name of the list, each of them tried here', () => {
    const tried = Object.values(kinds).flatMap(env => Object.keys(env))
    const isTried = (key: string) =>
      tried.some(name => (key.endsWith('*') ? name.startsWith(key.slice(0, -1)) : name === key))
    expect(Object.keys(surroundings).filter(key => !isTried(key))).toEqual([])
  })

  test('none of them that is empty, but for an option of the engine, by which Bun itself ends it', async () => {
    const names = Object.values(kinds).flatMap(env => Object.keys(env))
    const { BUN_JSC_useJIT, ...empty } = Object.fromEntries(names.map(name => [name, '']))
    const [without, option] = [empty, { BUN_JSC_useJIT }].map(env => begin({ cwd, env: env as Record<string, string> }))
    expect([await without?.exited, await option?.exited]).toEqual([2, 1])
    expect(without?.output()).toContain('TINFOIL_API_KEY is required')
    expect(without?.output()).not.toContain('is set')
    expect(option?.output()).toContain('invalid JSC environment variable')
  })

  test('flags of Bun, of which what they ran first took away the name', async () => {
    const hiding = holding({ 'planted.js': `${PLANTED}delete process.env.BUN_OPTIONS\n` })
    const running = begin({ cwd: hiding, env: { ...NEEDED, BUN_OPTIONS: '--preload ./planted.js' } })
    expect(await running.exited).toBe(2)
    expect(running.output()).toMatch(/planted code ran[\s\S]*start it without BUN_OPTIONS/)
  })
})

test('BUN_BE_BUN=1 makes Bun of the executable, before any of it runs; empty it does not', async () => {
  const args = ['-e', PLANTED]
  const [bun, own] = ['1', ''].map(value => begin({ cwd: freshDirectory(), args, env: { BUN_BE_BUN: value } }))
  expect([await bun?.exited, bun?.output()]).toEqual([0, 'planted code ran\n'])
  expect([await own?.exited, own?.output().includes('planted')]).toEqual([2, false])
})

const BUNFIG = `preload = ["./planted.js"]
[run]
preload = ["./planted.js"]
[serve]
preload = ["./planted.js"]
[test]
preload = ["./planted.js"]
`
const PATHS = JSON.stringify({ compilerOptions: { baseUrl: '.', paths: { '*': ['./planted.js'] }, jsx: 'planted' } })
const ENV = 'PORT=planted\nTINFOIL_API_KEY=planted\nBUN_OPTIONS=--preload=./planted.js\n'
const MODULES = [...Object.keys(dependencies), 'debug', 'file-type', 'supports-color', 'pg', '@opentelemetry/api']
const KINDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '.env': { '.env': ENV, '.env.local': ENV, '.env.production': ENV, '.env.development': ENV },
  'bunfig.toml': { 'bunfig.toml': BUNFIG },
  "a home's .bunfig.toml": { '.bunfig.toml': BUNFIG },
  'tsconfig.json': { 'tsconfig.json': PATHS },
  'jsconfig.json': { 'jsconfig.json': PATHS },
  'package.json': {
    'package.json': JSON.stringify({
      ...{ name: 'planted', type: 'commonjs', main: './planted.js', exports: './planted.js', workspaces: ['*'] },
      ...{ imports: { '#*': './planted.js' }, browser: { elysia: './planted.js' }, bun: { preload: './planted.js' } },
    }),
  },
  node_modules: Object.fromEntries(MODULES.map(name => [`node_modules/${name}/index.js`, PLANTED])),
  'bun.lock': { 'bun.lock': '{ planted', 'bun.lockb': 'planted' },
  '.npmrc': { '.npmrc': 'registry=http://127.0.0.1:1/planted\nnode-options=--require=./planted.js\n' },
}
const around = (cwd: string) => ({ HOME: cwd, XDG_CONFIG_HOME: cwd, NODE_PATH: join(cwd, 'node_modules') })

describe('of what lies around nothing is read or run:', () => {
  test.each(Object.entries(KINDS))('%s', async (_, files) => {
    const cwd = holding({ ...files, 'planted.js': PLANTED })
    const running = begin({ cwd, env: around(cwd) })
    expect(await running.exited).toBe(2)
    expect(running.output()).toContain('TINFOIL_API_KEY is required')
    expect(running.output()).not.toContain('planted')
  })

  test('Bun itself, in the same place, runs it', async () => {
    const cwd = holding({ ...KINDS['bunfig.toml'], 'planted.js': PLANTED })
    const running = begin({ cwd, args: ['-e', '0'], env: { ...around(cwd), BUN_BE_BUN: '1' } })
    await running.exited
    expect(running.output()).toContain('planted code ran')
  })

  test('all of it together, by a gateway that serves; and of what libraries would heed nothing comes', async () => {
    const cwd = holding({ ...Object.assign({}, ...Object.values(KINDS)), 'planted.js': PLANTED })
    const before = readdirSync(cwd)
    const libraries = { ELYSIA_AOT: 'false', NODE_ENV: 'development', DEBUG: '*' }
    const gateway = await startDev(sealgate, { cwd, env: { ...around(cwd), ...libraries } })
    alive.push(gateway)
    const { url, authorization } = gateway
    for (const path of ['/health', '/v1/models', '/docs', '/v1/attestation/report'])
      expect([path, (await fetch(url + path, { headers: { authorization } })).status]).toEqual([path, 200])
    const odd = `GET /xx/v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: ${authorization}\r\n\r\n`
    expect((await hurl(url, odd)).statuses).toEqual([404])
    expect(gateway.output()).not.toContain('planted')
    expect(readdirSync(cwd)).toEqual(before)
  })
})

test('what it makes is for its own user alone, and no secret stays in the environment, nor in that of its workers', async () => {
  const key = await signer('kid')
  const upstream = await rawUpstream(answerBytes('200 OK', {}, '{}'))
  const cwd = holding({
    'spy.js': "process.on('SIGUSR2', () => console.error('SPY ' + JSON.stringify(process.env) + ' END'))\n",
  })
  const env = {
    ...{ TINFOIL_API_KEY: 'tk-secret', IDENTITY_HASH_KEY: '5e'.repeat(32), TINFOIL_BASE_URL: upstream.url },
    ...{ JWKS_URL: publish(key.jwk).url, ISSUER: 'https://id.example', AUDIENCES: 'a', METRICS_ADDR: 'off' },
    ...{ HOST: '127.0.0.1', PORT: '0', WORKERS: '2', DATABASE_URL: 'sqlite:x.db', LEFT: 'as it was' },
    ...{ BUN_OPTIONS: '--preload ./spy.js', ALLOW_ENV: 'BUN_OPTIONS' },
  }
  const running = begin({ cwd, env, args: ['-c', 'umask 0; exec "$0"', sealgate] }, '/bin/sh')
  const [, port] = await running.says(/supervising workers=2 port=(\d+)/)
  await running.says(/listening port=\d+ worker=1\n/)

  const exp = Math.floor(Date.now() / 1000) + 600
  const token = await key.sign({ iss: env.ISSUER, aud: 'a', sub: 'ada', scope: 'inference', exp })
  const headers = { authorization: `Bearer ${token}` }
  expect((await fetch(`http://127.0.0.1:${port}/v1/models`, { headers })).status).toBe(200)
  expect((await upstream.first()).text).toContain('Bearer tk-secret')

  const made = readdirSync(cwd).filter(name => name !== 'spy.js')
  expect(made).toContainValues(['x.db', 'x.db-wal', 'x.db.key'])
  expect(made.map(name => [name, (statSync(join(cwd, name)).mode & 0o777).toString(8)])).toEqual(
    made.map(name => [name, '600']),
  )

  const children = readFileSync(`/proc/${running.pid}/task/${running.pid}/children`, 'utf8').trim().split(' ')
  for (const pid of [running.pid, ...children.map(Number)]) process.kill(pid, 'SIGUSR2')
  const [, ...spied] = await running.says(/SPY (.*) END\n[\s\S]*SPY (.*) END\n[\s\S]*SPY (.*) END\n/)
  for (const text of spied) {
    const { LEFT, ALLOW_ENV, DATABASE_URL } = JSON.parse(text)
    expect([LEFT, ALLOW_ENV, DATABASE_URL]).toEqual(['as it was', undefined, undefined])
    expect(text).not.toMatch(/tk-secret|5e5e/)
  }
}, 20_000)

test('what `verify` finds is not bent: no proxy is asked, and whoever stands between is found', async () => {
  const gateway = await startDev(sealgate, { cwd: freshDirectory(), args: ['--tls', 'dstack'] })
  alive.push(gateway)
  const real = `https://127.0.0.1:${new URL(gateway.url).port}`
  using between = Bun.serve({
    port: 0,
    tls: forLocalhost,
    fetch: ({ url }) => fetch(real + url.slice(new URL(url).origin.length), { tls: { rejectUnauthorized: false } }),
  })
  const proxy = await rawUpstream(answerBytes('200 OK', {}, 'proxied'))
  const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy']
  const env = {
    ...Object.fromEntries(names.map(name => [name, proxy.url])),
    ...{ NODE_USE_ENV_PROXY: '1', NODE_TLS_REJECT_UNAUTHORIZED: '0' },
  }
  const [own, other] = [real, `https://localhost:${between.port}`].map(url =>
    begin({ cwd: freshDirectory(), args: ['verify', url], env }),
  )
  expect([await own?.exited, await other?.exited]).toEqual([3, 1])
  expect(other?.output()).toContain('somebody stands between')
  expect(proxy.wires).toBeEmpty()
  await proxy.stop()
})
