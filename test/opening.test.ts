import { afterEach, describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { standInAgent } from '../src/dev/agent.ts'
import { logger } from '../src/gate/log.ts'
import { clusterNews, opened } from '../src/opening.ts'
import { ClusterFault } from '../src/protocol/cluster.ts'
import type { Config } from '../src/settings.ts'
import { deriveKeys, KeyFault } from '../src/store/keys.ts'
import { openStore } from '../src/store/open.ts'
import { agent } from '../src/tee/agent.ts'
import { agentKeys } from '../src/tee/keys.ts'
import { type SigningKeys, signingKeys } from '../src/tee/signing.ts'
import type { Tee } from '../src/tee/tee.ts'
import { agentOnSocket, refusing, type SocketAgent } from './kit/agent.ts'
import { type Running, start } from './kit/binary.ts'
import { dev, hex, needed, read } from './kit/config.ts'
import { freshDirectory, untouched } from './kit/directory.ts'
import { postgres } from './kit/engines.ts'
import { faultOf } from './kit/opening.ts'
import { leave } from './kit/rekeying.ts'

const PROGRAM = join(import.meta.dir, '..', 'src', 'main.ts')
const bytes = Buffer.from(hex, 'hex')
const keysOf = (seed: string) => agentKeys(agent(standInAgent({ seed }).reach))
const served: SocketAgent[] = []
const alive: Running[] = []
afterEach(async () => {
  for (const running of alive.splice(0)) running.signal('SIGKILL')
  await Promise.all(served.splice(0).map(({ stop }) => stop()))
})

/** A database that was written with the keys of the agent of this seed; its path. */
async function writtenBy(seed: string): Promise<string> {
  const path = join(freshDirectory(), 'x.db')
  const { root: agentKey } = await keysOf(seed)
  const { store } = await openStore({ url: `sqlite:${path}`, dataKey: undefined, agentKey, identityKey: undefined })
  await store.close()
  leave(`sqlite:${path}`)
  return path
}

/** Starts the program with such an agent, on a database. */
function program(path: string, on: Parameters<typeof agentOnSocket>[0], given: Start = {}): Running {
  const played = agentOnSocket(on)
  served.push(played)
  const { args = [], env = {} } = given
  const running = start(process.execPath, {
    args: ['--no-env-file', PROGRAM, '--dev-mode', '--port', '0', ...args],
    env: { DSTACK_SIMULATOR_ENDPOINT: played.path, DATABASE_URL: `sqlite:${path}`, LOG_LEVEL: 'debug', ...env },
    cwd: dirname(path),
  })
  alive.push(running)
  return running
}

interface Start {
  args?: readonly string[]
  env?: Record<string, string>
}

const end = async (running: Running) => ({ code: await running.exited, said: running.output() })

test('a database opens with the keys of the agent, which are stated, and in no line, file or report', async () => {
  const directory = freshDirectory()
  const files = () => readdirSync(directory).map(name => readFileSync(join(directory, name)))
  const running = program(join(directory, 'x.db'), { seed: 'ours' })
  const [, port] = await running.says(/listening port=(\d+)/)
  const [, token] = await running.says(/export TOKEN=(\S+)\n/)
  const models = await fetch(`http://127.0.0.1:${port}/v1/models`, { headers: { authorization: `Bearer ${token}` } })
  expect(models.status).toBe(200)
  const report = await (await fetch(`http://127.0.0.1:${port}/v1/attestation/report`)).text()
  const { keyset, settings } = JSON.parse(JSON.parse(report).gateway_attestation.statement)
  expect(keyset.ed25519.public_key).toBe(signingKeys((await keysOf('ours')).receipts).ed25519.publicKey)
  expect(settings).toMatchObject({
    DEV_MODE: true,
    ALLOW_PLAINTEXT: true,
    keys: 'dstack',
    tee: 'simulated',
    tls: 'off',
  })
  const early = files()
  running.signal('SIGTERM')
  expect(await running.exited).toBe(0)

  expect(readdirSync(directory)).toEqual(['x.db'])
  const written = Buffer.concat([...early, ...files(), Buffer.from(running.output() + report)])
  const { root, receipts } = await keysOf('ours')
  for (const key of [root, receipts.ed25519, receipts.ecdsa].map(key => Buffer.from(key))) {
    expect(written.includes(key)).toBe(false)
    for (const coding of ['hex', 'base64', 'base64url'] as const)
      expect(written.includes(key.toString(coding))).toBe(false)
  }
})

test('another application’s keys open nothing: one line, exit 2, and nothing is written', async () => {
  const path = await writtenBy('ours')
  await untouched(path, async () => {
    const { code, said } = await end(program(path, { seed: 'theirs' }))
    expect(code).toBe(2)
    expect(said).toMatch(
      /^sealgate: The key that this TEE's guest agent gives is not the one .* Nothing was written\.\n$/,
    )
  })
})

test('an agent that refuses a key is one line, and exit 1', async () => {
  const refused = program(join(freshDirectory(), 'x.db'), { fault: refusing('GetKey', 'no key provider') })
  expect(await end(refused)).toEqual({
    code: 1,
    said: 'sealgate: The guest agent of this TEE refused GetKey with status 400. Without its keys nothing starts: look at it, and start again.\n',
  })
})

test('a rekey leads away from the key of the agent to DATA_KEY, which then opens the database', async () => {
  const path = await writtenBy('ours')
  const { code, said } = await end(program(path, { seed: 'ours' }, { args: ['rekey'], env: { DATA_KEY: hex } }))
  expect(said).toContain('rekey: done. Start sealgate with DATA_KEY, in a TEE or outside;')
  expect(code).toBe(0)
  const { store, keySource } = await openStore({ url: `sqlite:${path}`, dataKey: bytes, identityKey: undefined })
  await store.close()
  expect(keySource).toBe('DATA_KEY')
})

const named = ({ ed25519, ecdsa }: SigningKeys) => [ed25519.publicKey, ecdsa.publicKey]

describe('the keys of a gateway', () => {
  const inTee = (mode: Tee['mode']): Tee => ({ mode, agent: agent(standInAgent({ seed: 'ours' }).reach) })
  const memory = { DATABASE_URL: 'sqlite::memory:' }

  /** What such a configuration opens with in such a TEE. */
  async function openedWith(config: Config, tee: Tee | undefined) {
    const { store, ...told } = await opened(config, tee)
    await store.close()
    return told
  }

  test('are all of the agent’s in dstack, receipts’ too', async () => {
    const { keySource, signing } = await openedWith(read({ ...needed, ...memory }).config, inTee('dstack'))
    const { receipts } = await keysOf('ours')
    expect([keySource, named(signing)]).toEqual(['dstack', named(signingKeys(receipts))])
  })

  test('all hang on DATA_KEY where it is given, and the agent is asked for none', async () => {
    const tee = {
      mode: 'dstack',
      agent: { ...inTee('dstack').agent, key: () => Promise.reject(new Error('asked')) },
    } as const
    const { config } = read({ ...needed, ...memory, DATA_KEY: hex })
    const { keySource, signing } = await openedWith(config, tee)
    const derived = signingKeys(deriveKeys({ root: bytes, overrides: {} }))
    expect([keySource, named(signing)]).toEqual(['DATA_KEY', named(derived)])
  })

  test('are not those of dev mode’s own agent, which is another at each start', async () => {
    expect((await openedWith(dev({}).config, inTee('simulated'))).keySource).toBe('memory')
  })

  test('are required with PostgreSQL, and come from somewhere', async () => {
    const { config } = read({ ...needed, DATABASE_URL: await postgres.fresh() })
    const fault = await faultOf(opened(config, undefined))
    expect(fault).toBeInstanceOf(KeyFault)
    expect(fault.message).toStartWith('DATA_KEY is required with PostgreSQL, for there is no guest agent')
    expect((await openedWith(config, inTee('dstack'))).keySource).toBe('dstack')
  })
})

describe('a PostgreSQL', () => {
  const parts = { ...needed, DATA_KEY: hex, DATABASE_HOST: '127.0.0.1', DATABASE_NAME: 'a', DATABASE_USER: 'me' }
  const refused = async (env: Record<string, string>) =>
    (await faultOf(opened(read({ ...parts, ...env }).config, undefined))).message

  test('is given as many connections as are set', async () => {
    const DATABASE_URL = await postgres.fresh()
    const { config } = read({ ...needed, DATA_KEY: hex, DATABASE_URL, DATABASE_MAX_CONNECTIONS: '3' })
    const { store } = await opened(config, undefined)
    await Promise.all(Array.from({ length: 50 }, () => store.isWritable()))
    const ours = `starts_with(application_name, 'sealgate ' || current_schema()::regnamespace::oid || ' ')`
    const connections = await postgres.run(DATABASE_URL, `SELECT pid FROM pg_stat_activity WHERE ${ours}`)
    expect(connections).toHaveLength(3)
    await store.close()
  })

  test('may be named by its parts', async () => {
    expect(await refused({ DATABASE_PORT: '1' })).toContain(' postgres://127.0.0.1:1/a cannot be used: nothing answers')
  })

  test('is not asked while whom to trust cannot be read', async () => {
    const tls = { DATABASE_TLS: 'verify-full', DATABASE_PORT: '1' }
    const empty = join(freshDirectory(), 'ca.pem')
    writeFileSync(empty, '\n')
    expect(await refused({ ...tls, DATABASE_CA_FILE: '/nowhere' })).toBe(
      'DATABASE_CA_FILE names a file that cannot be read.',
    )
    expect(await refused({ ...tls, DATABASE_CA_FILE: empty })).toBe(
      'DATABASE_CA_FILE names a file without a certificate in PEM.',
    )
  })
})

test('what a cluster has to say is told without its hosts', () => {
  const lines: string[] = []
  const told = clusterNews(logger({ format: 'json', level: 'debug', now: () => 0, write: line => lines.push(line) }))
  const cause = new ClusterFault('unreachable', { cause: new Error('connect to pg-1.example') })
  told({ kind: 'changed', timeline: 7 })
  told({ kind: 'failed', code: cause.code, cause })
  told({ kind: 'failed', cause: new TypeError('pg-1.example') })
  expect(lines.map(line => JSON.parse(line))).toMatchObject([
    { level: 'info', event: 'primary_changed', timeline: 7 },
    {
      level: 'error',
      event: 'cluster_failed',
      cluster: 'unreachable',
      fault: expect.stringMatching(/^ClusterFault\/unreach/),
    },
    { level: 'error', event: 'cluster_failed', fault: expect.stringMatching(/^TypeError@/) },
  ])
  expect(lines.join('')).not.toContain('pg-1')
})
