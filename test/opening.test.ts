import { afterAll, afterEach, describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { standInAgent } from '../src/dev/agent.ts'
import { opened } from '../src/opening.ts'
import type { Config } from '../src/settings.ts'
import { deriveKeys, KeyFault } from '../src/store/keys.ts'
import { openStore } from '../src/store/open.ts'
import { agent } from '../src/tee/agent.ts'
import { agentKeys } from '../src/tee/keys.ts'
import { signingKeys } from '../src/tee/signing.ts'
import type { Tee } from '../src/tee/tee.ts'
import { agentOnSocket, refusing, type SocketAgent } from './kit/agent.ts'
import { type Running, start } from './kit/binary.ts'
import { dev, hex, needed, read } from './kit/config.ts'
import { freshDirectory, untouched } from './kit/directory.ts'
import { postgres } from './kit/engines.ts'
import { faultOf } from './kit/opening.ts'

const PROGRAM = join(import.meta.dir, '..', 'src', 'main.ts')
const bytes = Buffer.from(hex, 'hex')
const cwd = freshDirectory()
const database = join(cwd, 'x.db')
const served: SocketAgent[] = []
const alive: Running[] = []
afterEach(async () => {
  for (const running of alive.splice(0)) running.signal('SIGKILL')
  await Promise.all(served.splice(0).map(({ stop }) => stop()))
})
afterAll(() => rmSync(cwd, { recursive: true }))

/** The environment in which the program has such an agent. */
function withAgent(options: Parameters<typeof agentOnSocket>[0]): Record<string, string> {
  const played = agentOnSocket(options)
  served.push(played)
  return { DSTACK_SIMULATOR_ENDPOINT: played.path, DATABASE_URL: `sqlite:${database}`, LOG_LEVEL: 'debug' }
}

const PREFIX = ['--no-env-file', PROGRAM]

/** Runs the program to its end. */
async function ended(command: readonly string[], env: Record<string, string>) {
  const running = start(process.execPath, { args: [...PREFIX, ...command], env, cwd })
  alive.push(running)
  return { code: await running.exited, said: running.output() }
}

test('the database opens with the keys of the agent, which are in no line and no file', async () => {
  const running = start(process.execPath, {
    args: [...PREFIX, '--dev-mode', '--port', '0'],
    env: withAgent({ seed: 'ours' }),
    cwd,
  })
  alive.push(running)
  const [, port] = await running.says(/listening port=(\d+)/)
  const [, token] = await running.says(/export TOKEN=(\S+)\n/)
  const models = await fetch(`http://127.0.0.1:${port}/v1/models`, { headers: { authorization: `Bearer ${token}` } })
  expect(models.status).toBe(200)
  const files = () => readdirSync(cwd).map(name => readFileSync(join(cwd, name)))
  const early = files()
  running.signal('SIGTERM')
  expect(await running.exited).toBe(0)

  expect(readdirSync(cwd)).toEqual(['x.db'])
  const written = Buffer.concat([...early, ...files(), Buffer.from(running.output())])
  const { root, receipts } = await agentKeys(agent(standInAgent({ seed: 'ours' }).reach))
  for (const key of [root, receipts.ed25519, receipts.ecdsa].map(key => Buffer.from(key))) {
    expect(written.includes(key)).toBe(false)
    for (const coding of ['hex', 'base64', 'base64url'] as const)
      expect(written.includes(key.toString(coding))).toBe(false)
  }
})

test('another application’s keys open nothing: one line, exit 2, and nothing is written', async () => {
  await untouched(database, async () => {
    const { code, said } = await ended(['--dev-mode'], withAgent({ seed: 'theirs' }))
    expect(code).toBe(2)
    expect(said).toMatch(
      /^sealgate: The key that this TEE's guest agent gives is not the one .* Nothing was written\.\n$/,
    )
  })
})

test('an agent that refuses a key is one line, and exit 1', async () => {
  const { code, said } = await ended(['--dev-mode'], withAgent({ fault: refusing('GetKey', 'no key provider') }))
  expect([code, said]).toEqual([
    1,
    'sealgate: The guest agent of this TEE refused GetKey with status 400. Without its keys nothing starts: look at it, and start again.\n',
  ])
})

test('a rekey leads away from the key of the agent to DATA_KEY, which then opens the database', async () => {
  const { code, said } = await ended(['rekey', '--dev-mode'], { ...withAgent({ seed: 'ours' }), DATA_KEY: hex })
  expect(said).toContain('rekey: done. Start sealgate with DATA_KEY, in a TEE or outside;')
  expect(code).toBe(0)
  const { store, keySource } = await openStore({ url: `sqlite:${database}`, dataKey: bytes, identityKey: undefined })
  await store.close()
  expect(keySource).toBe('DATA_KEY')
})

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
    const { receipts } = await agentKeys(inTee('dstack').agent)
    expect([keySource, signing]).toEqual(['dstack', signingKeys(receipts)])
  })

  test('all hang on DATA_KEY where it is given, and the agent is asked for none', async () => {
    const tee = {
      mode: 'dstack',
      agent: { ...inTee('dstack').agent, key: () => Promise.reject(new Error('asked')) },
    } as const
    const { config } = read({ ...needed, ...memory, DATA_KEY: hex })
    const { keySource, signing } = await openedWith(config, tee)
    expect([keySource, signing]).toEqual(['DATA_KEY', signingKeys(deriveKeys({ root: bytes, overrides: {} }))])
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
