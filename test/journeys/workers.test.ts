import { afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { executable, type Running, start } from '../kit/binary.ts'
import { freshDirectory } from '../kit/directory.ts'
import { publish, signer } from '../kit/jwt.ts'
import { type RawUpstream, rawRequest, rawUpstream, requestBytes } from '../kit/raw.ts'
import { answerBytes, CHAT, CHUNKED, chunk, eventually } from '../kit/stage.ts'
import { goodPair, tlsClient } from '../kit/tls.ts'

const ISSUER = 'https://issuer.example'

const alive: Running[] = []
let [upstream, authorization, keys, program]: [RawUpstream, string, { url: string }, string] = [] as never
// What streams goes on until it is called.
let last = Promise.withResolvers<void>()

beforeAll(async () => {
  program = await executable()
  const key = await signer('kid')
  keys = publish(key.jwk)
  const exp = Math.floor(Date.now() / 1000) + 600
  authorization = `Bearer ${await key.sign({ iss: ISSUER, aud: 'a', sub: 'ada', scope: 'inference', exp })}`
  upstream = await rawUpstream(async wire => {
    for (;;) {
      const { head } = await wire.message()
      if (!head.includes('?stream')) await wire.send(answerBytes('200 OK', {}, '{}'))
      else {
        await wire.send(`${CHUNKED}${chunk('first')}`)
        await last.promise
        await wire.send(`${chunk('last')}0\r\n\r\n`)
      }
    }
  })
})
afterEach(async () => {
  last.resolve()
  last = Promise.withResolvers()
  for (const running of alive.splice(0)) {
    running.signal('SIGKILL')
    await running.exited
  }
})

/** The program with these settings. */
function begin(env: Record<string, string> = {}) {
  const cwd = freshDirectory()
  const settings = {
    ...{ TINFOIL_BASE_URL: upstream.url, TINFOIL_API_KEY: 'tk-x', ALLOW_PLAINTEXT: 'true' },
    ...{ JWKS_URL: keys.url, ISSUER, AUDIENCES: 'a', HOST: '127.0.0.1', PORT: '0', METRICS_ADDR: '127.0.0.1:0' },
    ...{ WORKERS: '2', DATABASE_URL: 'sqlite:x.db' },
  }
  const running = start(program, { cwd, env: { ...settings, ...env } })
  alive.push(running)
  return running
}

/** The same, once all of them listen. */
async function serving(env: Record<string, string> = {}) {
  const running = begin(env)
  const [, port] = await running.says(/supervising workers=2 port=(\d+)/)
  await running.says(/listening port=\d+ worker=1\n/)
  return { ...running, port: Number(port), url: `http://127.0.0.1:${port}` }
}

const workersOf = ({ pid }: Running): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
const isThere = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
/** On a connection of its own, which any of them may take. */
const get = (url: string, path = '/v1/models') =>
  fetch(url + path, { headers: { authorization, connection: 'close' }, keepalive: false })
const post = (url: string) =>
  rawRequest(url, requestBytes(`${CHAT}?stream`, { authorization, 'content-length': '2' }, '{}'))

describe('several workers', () => {
  test('share a port and its limits, and are counted as one', async () => {
    const running = await serving({ RATE_LIMIT_RPM: '1', RATE_LIMIT_BURST: '7' })
    const asked = await Promise.all(Array.from({ length: 40 }, () => get(running.url)))
    expect(asked.filter(({ status }) => status === 200)).toHaveLength(7)
    expect(asked.filter(({ status }) => status === 429)).toHaveLength(33)
    const [, port] = await running.says(/metrics_on port=(\d+)/)
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    expect(text).toContain('\nsealgate_workers 2\n')
    expect(text).toContain('sealgate_limiter_decisions_total{limit="requests",decision="refused"} 33\n')
  })

  test('are replaced when they die, and what others stream goes on', async () => {
    // Of so many streams each worker has some, but for one time in 2^19.
    const running = await serving({ CONCURRENT_LIMIT: '0', RATE_LIMIT_RPM: '0' })
    const wires = await Promise.all(Array.from({ length: 20 }, () => post(running.url)))
    await Promise.all(wires.map(wire => wire.seen('first')))
    const [victim = 0, other] = workersOf(running)
    process.kill(victim, 'SIGKILL')
    await running.says(/worker_died worker=\d exit=137\n/)
    await eventually(() => workersOf(running).length === 2)
    expect(workersOf(running)).toContain(other ?? 0)
    last.resolve()
    await Promise.all(wires.map(wire => wire.seen('last').catch(() => undefined)))
    const ended = wires.map(wire => wire.text.includes('last'))
    expect([ended.includes(true), ended.length]).toEqual([true, 20])
    await eventually(() => (running.output().match(/listening port/g) ?? []).length === 3)
    expect((await get(running.url)).status).toBe(200)
  })

  test('end their streams at a signal, whoever else heard it, and then the program ends with 0', async () => {
    const running = await serving()
    const wire = await post(running.url)
    await wire.seen('first')
    // As a terminal does, to all that it started.
    for (const pid of [running.pid, ...workersOf(running)]) process.kill(pid, 'SIGINT')
    await eventually(() => (running.output().match(/draining streams=\d/g) ?? []).length === 2)
    last.resolve()
    await wire.seen('last')
    expect(await running.exited).toBe(0)
    expect(running.output()).not.toMatch(/worker_died| cut /)
  })

  test('cut their streams at a second signal', async () => {
    const running = await serving()
    const wire = await post(running.url)
    await wire.seen('first')
    running.signal('SIGTERM')
    await running.says(/draining streams=1/)
    running.signal('SIGTERM')
    expect(await running.exited).toBe(0)
    expect(running.output()).toContain('cut streams=1')
    await wire.gone()
  })

  test('do not outlive who watches over them', async () => {
    const running = await serving()
    const pids = workersOf(running)
    running.signal('SIGKILL')
    await running.exited
    await eventually(() => !pids.some(isThere))
    expect(pids).toHaveLength(2)
  })

  test('show one key where TLS ends here', async () => {
    const cwd = freshDirectory()
    const [cert, key] = [join(cwd, 'cert.pem'), join(cwd, 'key.pem')]
    const pair = goodPair()
    writeFileSync(key, pair.key)
    writeFileSync(cert, pair.chain)
    const running = await serving({ TLS_CERT_FILE: cert, TLS_KEY_FILE: key })
    const clients = await Promise.all(Array.from({ length: 12 }, () => tlsClient(running.port)))
    expect(new Set(clients.map(({ spki }) => spki))).toEqual(new Set([pair.spki]))
    for (const client of clients) client.close()
  })
})

describe('a worker that still starts', () => {
  /** The program, of which the first worker waits for a login that nobody answers. */
  async function starting() {
    const asked = Promise.withResolvers<void>()
    const silent = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => asked.resolve() } })
    const login = { VPC_SHARED_SECRET: 's'.repeat(32), VPC_CLIENT_ID: 'c' }
    const running = begin({ ...login, OPENAI_BASE_URL: `http://127.0.0.1:${silent.port}/v1` })
    await asked.promise
    return { ...running, [Symbol.dispose]: () => silent.stop(true) }
  }

  test('ends at a signal, and the program with 0', async () => {
    using running = await starting()
    running.signal('SIGTERM')
    expect(await running.exited).toBe(0)
    expect(running.output()).not.toContain('worker_died')
  })

  test('does not outlive who watches over it', async () => {
    using running = await starting()
    const [pid = 0] = workersOf(running)
    running.signal('SIGKILL')
    await running.exited
    await eventually(() => !isThere(pid))
  })
})

describe('nothing is started', () => {
  const refused = async (env: Record<string, string>) => {
    const running = begin(env)
    return [await running.exited, running.output()]
  }

  test('where the database is in memory', async () => {
    const why =
      'WORKERS: several cannot share a database in memory: give DATABASE_URL a file or PostgreSQL, or WORKERS=1'
    const [code, said] = await refused({ DATABASE_URL: 'sqlite::memory:' })
    expect([code, said]).toEqual([2, expect.stringContaining(why)])
  })

  test('where another listens already', async () => {
    const server = Bun.serve({ hostname: '127.0.0.1', port: 0, reusePort: true, fetch: () => new Response() })
    const { port } = server
    const [code, said] = await refused({ PORT: String(port) })
    await server.stop(true)
    const why = `sealgate: Cannot listen on 127.0.0.1:${port}: port ${port} is in use: stop what uses it, or set PORT.\n`
    expect([code, said]).toEqual([1, expect.stringContaining(why)])
  })

  test('where the first worker cannot, and its reason is told once', async () => {
    const [code, said] = await refused({ DATABASE_URL: 'sqlite:/nowhere/x.db' })
    expect([code, String(said).match(/^sealgate: .+$/gm)?.length]).toEqual([1, 1])
  })

  test('by a person who calls a worker', async () => {
    const { exitCode, stderr } = Bun.spawnSync([program, 'worker'], { env: {} })
    expect([exitCode, stderr.toString()]).toEqual([
      2,
      'sealgate: a worker is started by sealgate itself, as WORKERS says\n',
    ])
  })
})
