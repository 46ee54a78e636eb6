import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REKEY_SETTINGS, rekey as rekeyDatabase } from '../../src/cli/rekey.ts'
import { ConfigFaults, readConfig } from '../../src/config.ts'
import { standInAgent } from '../../src/dev/agent.ts'
import { KeyFault } from '../../src/store/keys.ts'
import { openStore } from '../../src/store/open.ts'
import { StoreFault } from '../../src/store/store.ts'
import { type Agent, agent } from '../../src/tee/agent.ts'
import { rootKey } from '../../src/tee/keys.ts'
import { type Running, start } from '../kit/binary.ts'
import { type Counting, countingUpstream } from '../kit/counting.ts'
import { freshDirectory } from '../kit/directory.ts'
import { postgres } from '../kit/engines.ts'
import { startGateway } from '../kit/gateway.ts'
import { people, peopleIn } from '../kit/people.ts'
import { populated } from '../kit/rekeying.ts'

const PROGRAM = join(import.meta.dir, '..', '..', 'src', 'main.ts')
const key = (byte: number) => Buffer.alloc(32, byte).toString('hex')
const [OLD, NEW, THIRD] = [key(1), key(2), key(3)]
const bytes = (hex: string) => Buffer.from(hex, 'hex')
const directory = freshDirectory()
const few = join(directory, 'few.db')
const many = join(directory, 'many.db')
const MANY = 2000
let upstream: Counting
let copies = 0

async function seeded(path: string, count: number): Promise<void> {
  const { store, keys } = await openStore({ url: `sqlite:${path}`, dataKey: bytes(OLD), identityKey: undefined })
  await people(store, keys, count)
  await store.close()
}

beforeAll(async () => {
  upstream = countingUpstream()
  await seeded(few, 5)
  await seeded(many, MANY)
})
afterAll(() => upstream.stop())

/** A database of its own with the same people, and its old key beside it if told. */
function copy(template: string, { keyFile = false } = {}): string {
  const path = join(directory, `${++copies}.db`)
  copyFileSync(template, path)
  if (keyFile) writeFileSync(`${path}.key`, `${OLD}\n`)
  return path
}

/** Runs a rekey to its end, in this process; gives what it said, and its fault if it has one. */
async function rekey(
  path: string,
  given: Record<string, string>,
  from?: Agent,
): Promise<{ fault?: Error; output: string }> {
  const env = { DATABASE_URL: `sqlite:${path}`, ...given }
  const readFile = (path: string) => readFileSync(path, 'utf8')
  const lines: string[] = []
  try {
    const { config } = readConfig({ env, argv: ['rekey'], readFile, only: REKEY_SETTINGS })
    await rekeyDatabase(config, from, line => lines.push(line))
    return { output: lines.join('\n') }
  } catch (fault) {
    if (!(fault instanceof Error)) throw fault
    return { fault, output: [...lines, fault.message].join('\n') }
  }
}

/** Starts the program on a database, with nothing else in its environment. */
function program(path: string, args: readonly string[], env: Record<string, string>): Running {
  const all = { DATABASE_URL: `sqlite:${path}`, ...env }
  return start(process.execPath, { args: ['--no-env-file', PROGRAM, ...args], env: all, cwd: directory })
}

async function found(path: string, dataKey: string): Promise<number> {
  const { store, keys } = await openStore({ url: `sqlite:${path}`, dataKey: bytes(dataKey), identityKey: undefined })
  const found = await peopleIn(store, keys)
  await store.close()
  return found
}

describe('sealgate rekey', () => {
  test('puts DATA_KEY in place of DATA_KEY_PREVIOUS, and says what to do then', async () => {
    const path = copy(few)
    const { output } = await rekey(path, { DATA_KEY: NEW, DATA_KEY_PREVIOUS: OLD })
    expect(output.split('\n')).toEqual([
      ...['users', 'user_settings', 'api_keys', 'sessions', 'sign_ins', 'linked_accounts', 'files', 'kept_secrets'].map(
        table => `rekey: ${table} 5 of 5`,
      ),
      expect.stringMatching(/^rekey: done\. Start sealgate with DATA_KEY alone; DATA_KEY_PREVIOUS may go/),
    ])
    expect(await found(path, NEW)).toBe(5)
  })

  test('reads both keys from files', async () => {
    const path = copy(few)
    for (const [name, text] of Object.entries({ old: OLD, new: NEW })) writeFileSync(join(directory, name), text)
    await rekey(path, { DATA_KEY_FILE: join(directory, 'new'), DATA_KEY_PREVIOUS_FILE: join(directory, 'old') })
    expect(await found(path, NEW)).toBe(5)
  })

  test('takes the key file beside the database, and keeps it under another name', async () => {
    const path = copy(few, { keyFile: true })
    const { output } = await rekey(path, { DATA_KEY: NEW })
    const aside = /The old key file is (\S+) now/.exec(output)?.[1] ?? ''
    expect(aside).toMatch(/\.db\.key\.old-[0-9a-f]{8}$/)
    expect(readFileSync(aside, 'utf8')).toBe(`${OLD}\n`)
    expect(existsSync(`${path}.key`)).toBe(false)
    expect(await found(path, NEW)).toBe(5)
  })

  test('that has nothing to do says so, and touches no key file but the old one', async () => {
    const path = copy(few)
    await rekey(path, { DATA_KEY: NEW, DATA_KEY_PREVIOUS: OLD })
    writeFileSync(`${path}.key`, `${NEW}\n`)
    for (const env of [{ DATA_KEY: NEW, DATA_KEY_PREVIOUS: OLD }, { DATA_KEY: NEW }])
      expect((await rekey(path, env)).output).toStartWith('rekey: nothing to do, DATA_KEY is in force.')
    expect(readFileSync(`${path}.key`, 'utf8')).toBe(`${NEW}\n`)
  })

  test.each([
    ['no DATA_KEY', {}, KeyFault, 'DATA_KEY is required'],
    ['the same key twice', { DATA_KEY: NEW, DATA_KEY_PREVIOUS: NEW }, KeyFault, 'are the same'],
    ['another previous key', { DATA_KEY: NEW, DATA_KEY_PREVIOUS: THIRD }, KeyFault, 'previous key is not the one'],
    ['no previous key and no key file', { DATA_KEY: NEW }, KeyFault, 'give it as DATA_KEY_PREVIOUS'],
    ['half a key', { DATA_KEY: NEW, DATA_KEY_PREVIOUS: 'abc' }, ConfigFaults, 'DATA_KEY_PREVIOUS is not 32 bytes'],
  ])('given %s refuses and writes nothing', async (_, env, kind, message) => {
    const path = copy(few)
    const before = readFileSync(path, 'hex')
    const { fault, output } = await rekey(path, env)
    expect(fault).toBeInstanceOf(kind)
    expect(output).toContain(message)
    for (const secret of [OLD, NEW, THIRD]) expect(output).not.toContain(secret)
    expect(readFileSync(path, 'hex')).toBe(before)
  })

  test('makes no database where there is none', async () => {
    const { fault } = await rekey(join(directory, 'none.db'), { DATA_KEY: NEW, DATA_KEY_PREVIOUS: OLD })
    expect(fault).toBeInstanceOf(StoreFault)
    expect(readdirSync(directory)).not.toContain('none.db')
  })
})

describe('sealgate rekey, in a TEE', () => {
  const inTee = agent(standInAgent({ seed: 'ours' }).reach)
  const elsewhere = agent(standInAgent({ seed: 'theirs' }).reach)
  const rootIn = async (tee: Agent) => Buffer.from(await rootKey(tee)).toString('hex')

  test('puts the key of its agent in place of DATA_KEY_PREVIOUS, a key file’s too, which stays as it is', async () => {
    const path = copy(few, { keyFile: true })
    const { output } = await rekey(path, { DATA_KEY_PREVIOUS_FILE: `${path}.key` }, inTee)
    expect(output).toContain('rekey: done. Start sealgate in this TEE without DATA_KEY; DATA_KEY_PREVIOUS may go')
    expect(await found(path, await rootIn(inTee))).toBe(5)
    expect((await rekey(path, {}, inTee)).output).toStartWith('rekey: nothing to do, the key of this TEE is in force.')
    expect(readFileSync(`${path}.key`, 'utf8')).toBe(`${OLD}\n`)
  })

  test('puts DATA_KEY in place of the key of its agent, and another application goes on from there', async () => {
    const ours = copy(few)
    await rekey(ours, { DATA_KEY_PREVIOUS: OLD }, inTee)
    // bun:sqlite has each open until it has collected its statements.
    const between = copy(ours)
    const { output } = await rekey(between, { DATA_KEY: NEW }, inTee)
    expect(output).toMatch(/rekey: done\. Start sealgate with DATA_KEY, .* copies .* open in this application alone\.$/)
    const theirs = copy(between)
    await rekey(theirs, { DATA_KEY_PREVIOUS: NEW }, elsewhere)
    expect(await found(theirs, await rootIn(elsewhere))).toBe(5)
  })

  test('with both keys given asks its agent for none', async () => {
    const path = copy(few)
    const silent = { ...inTee, key: () => Promise.reject(new Error('asked')) }
    await rekey(path, { DATA_KEY: NEW, DATA_KEY_PREVIOUS: OLD }, silent)
    expect(await found(path, NEW)).toBe(5)
  })

  test.each([
    ['no previous key, though it lies beside', {}, 'give it as DATA_KEY_PREVIOUS, also if it is'],
    ['DATA_KEY, and the agent’s is not in force', { DATA_KEY: NEW }, 'previous key is not the one'],
  ])('given %s refuses and writes nothing', async (_, env, message) => {
    const path = copy(few, { keyFile: true })
    const before = readFileSync(path, 'hex')
    const { fault, output } = await rekey(path, env, inTee)
    expect(fault).toBeInstanceOf(KeyFault)
    expect(output).toContain(message)
    for (const secret of [OLD, NEW, await rootIn(inTee)]) expect(output).not.toContain(secret)
    expect(readFileSync(path, 'hex')).toBe(before)
  })
})

describe('the program, killed while it rekeys', () => {
  test('goes on where it was when it runs again; until it is done no gateway starts', async () => {
    const path = copy(many)
    const keys = { DATA_KEY: NEW, DATA_KEY_PREVIOUS: OLD }
    const killed = program(path, ['rekey'], keys)
    await killed.says(/rekey: users 2,000 of 2,000/)
    killed.signal('SIGKILL')
    expect(await killed.exited).not.toBe(0)

    const gateway = program(path, [], { DATA_KEY: OLD, TINFOIL_API_KEY: 'tk', ISSUER: 'https://id.example', PORT: '0' })
    expect(await gateway.exited).toBe(2)
    expect(gateway.output()).toContain('sealgate: A rekey of this database was begun and is not finished')

    const again = program(path, ['rekey'], keys)
    expect(await again.exited).toBe(0)
    expect(again.output()).toContain('sealgate: rekey: api_keys 2,000 of 2,000\n')
    expect(again.output()).not.toContain('rekey: users')
    expect(await found(path, NEW)).toBe(MANY)
    await expect(found(path, OLD)).rejects.toThrow('not the one this database was written with')
  }, 60_000)
})

describe('the program, on PostgreSQL', () => {
  const exit = async (url: string, env: Record<string, string>) => {
    const running = program('', ['rekey'], { DATABASE_URL: url, ...env })
    return { code: await running.exited, output: running.output() }
  }

  test('is refused beside a gateway, goes on where it was killed, and says when it is done', async () => {
    const url = await populated(postgres, bytes(OLD), 1000)
    const keys = { DATA_KEY: NEW, DATA_KEY_PREVIOUS: OLD }
    const { store } = await openStore({ url, dataKey: bytes(OLD), identityKey: undefined })
    const busy = await exit(url, keys)
    expect(busy).toEqual({ code: 1, output: expect.stringContaining('stop every gateway') })
    await store.close()

    const killed = program('', ['rekey'], { DATABASE_URL: url, ...keys })
    await killed.says(/rekey: users 1,000 of 1,000/)
    killed.signal('SIGKILL')
    expect(await killed.exited).not.toBe(0)
    const again = await exit(url, keys)
    expect(again).toEqual({ code: 0, output: expect.stringContaining('sealgate: rekey: api_keys 1,000 of 1,000\n') })
    expect(again.output).toContain('sealgate: rekey: done. Start sealgate')
    expect(again.output).not.toContain('rekey: users')
    const opened = await openStore({ url, dataKey: bytes(NEW), identityKey: undefined })
    expect(await peopleIn(opened.store, opened.keys)).toBe(1000)
    await opened.store.close()
  }, 60_000)

  test('refuses another previous key; without one it asks for it, and speaks of no key file', async () => {
    const url = await populated(postgres, bytes(OLD), 1)
    const wrong = await exit(url, { DATA_KEY: NEW, DATA_KEY_PREVIOUS: THIRD })
    expect(wrong).toEqual({ code: 2, output: expect.stringContaining('previous key is not the one') })
    const { code, output } = await exit(url, { DATA_KEY: NEW })
    expect([code, output]).toEqual([2, 'sealgate: The key in force is needed: give it as DATA_KEY_PREVIOUS.\n'])
  })
})

describe('a caller', () => {
  const status = async (path: string, dataKey: string, ask: readonly string[]) => {
    const kit = await startGateway({ upstream: upstream.url, path, dataKey: bytes(dataKey), rpm: 1, burst: 1 })
    try {
      const codes: number[] = []
      for (const caller of ask)
        codes.push((await fetch(`${kit.url}/v1/models`, { headers: await kit.bearer(caller) })).status)
      const busy = await rekey(path, { DATA_KEY: THIRD, DATA_KEY_PREVIOUS: dataKey })
      expect(busy.output).toContain('stop every gateway')
      return codes
    } finally {
      await kit.stop()
    }
  }

  test('whose bucket is empty is refused after a rekey as before; no gateway may run meanwhile', async () => {
    const path = copy(few)
    expect(await status(path, OLD, ['ada', 'ada'])).toEqual([200, 429])
    // This process closed the database, and bun:sqlite has it open until it has collected its statements.
    const left = copy(path)
    expect((await rekey(left, { DATA_KEY: NEW, DATA_KEY_PREVIOUS: OLD })).fault).toBeUndefined()
    expect(await status(left, NEW, ['ada', 'grace', 'ada'])).toEqual([429, 200, 429])
  })

  test('takes the parts of a URL as a gateway does', async () => {
    const at = { DATABASE_HOST: '127.0.0.1', DATABASE_PORT: '1', DATABASE_NAME: 'a', DATABASE_USER: 'me' }
    const running = program('', ['rekey'], { DATABASE_URL: '', ...at, DATA_KEY: NEW, DATA_KEY_PREVIOUS: OLD })
    expect(await running.exited).toBe(1)
    expect(running.output()).toContain('The database postgres://127.0.0.1:1/a cannot be used: nothing answers there.')
  })
})
