import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, rmSync } from 'node:fs'
import { type Agent, agent } from '../../src/tee/agent.ts'
import { overSockets, SOCKETS } from '../../src/tee/sockets.ts'
import { executable, type Running, start } from '../kit/binary.ts'
import { freshDirectory } from '../kit/directory.ts'
import { named } from './gateway.ts'

// In a CVM its guest agent is where it belongs. LIVE_DSTACK_SOCKET is a simulator's: nothing is proved by that one.
const { LIVE_DSTACK_SOCKET: simulator, LIVE_PCCS_URL = 'https://api.trustedservices.intel.com' } = process.env
const socket = SOCKETS.find(existsSync) ?? simulator
const isReal = socket !== simulator
const story = (words: string) => named(words, socket, 'no guest agent')
const cwd = freshDirectory()

let running: Running
let at: Agent
beforeAll(async () => {
  if (!socket) return
  at = agent(overSockets([socket]))
  const real = { TEE: 'dstack', TLS: 'dstack', TINFOIL_API_KEY: 'tk', JWKS_URL: 'https://issuer.invalid/keys' }
  const dev = { DEV_MODE: 'true', TLS: 'dstack', DSTACK_SIMULATOR_ENDPOINT: socket }
  const env = { ...(isReal ? real : dev), HOST: '127.0.0.1', PORT: '0', METRICS_ADDR: 'off' }
  running = start(await executable(), { cwd, env: { ...env, DATABASE_URL: 'sqlite:live.db' } })
})
afterAll(async () => {
  running?.signal('SIGTERM')
  await running?.exited
  rmSync(cwd, { recursive: true })
})

describe('a guest agent', () => {
  test.skipIf(!socket)(story('tells of its application, and gives each path one key'), async () => {
    expect((await at.info()).appCompose).toStartWith('{')
    const [first, again, other] = await Promise.all(['live/a', 'live/a', 'live/b'].map(path => at.key(path)))
    expect(again).toEqual(first as Uint8Array)
    expect(other).not.toEqual(first as Uint8Array)
  })

  test.skipIf(!socket)(story('quotes what it is asked for'), async () => {
    const { quote, events } = await at.quote(crypto.getRandomValues(new Uint8Array(64)))
    expect([quote.length > 632, events.length > 0]).toEqual([true, true])
  })

  test.skipIf(!socket)(story('gives the gateway its keys, its TLS, and a report that verifies'), async () => {
    const [, port] = await running.says(/listening port=(\d+)/)
    const args = ['verify', ...(isReal ? ['--pccs', LIVE_PCCS_URL] : []), `https://127.0.0.1:${port}`]
    const verify = start(await executable(), { cwd, args })
    expect([await verify.exited, verify.output()]).toEqual([
      isReal ? 0 : 3,
      expect.stringMatching(isReal ? /^PROVED/ : /^SIMULATED/),
    ])
  })
})
