import { afterEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { devIssuer } from '../../src/dev/issuer.ts'
import { account, by } from '../kit/account.ts'
import { type Running, start as startProgram } from '../kit/binary.ts'
import { clockAt } from '../kit/clock.ts'
import { CLOUD_TEXT, clouds } from '../kit/cloud.ts'
import { freshDirectory } from '../kit/directory.ts'
import { engines } from '../kit/engines.ts'
import { type Kit, startGateway } from '../kit/gateway.ts'

const SECRET = 'what both sides know'
const LOGIN = 'POST auth/vpc/login'
const PROGRAM = join(import.meta.dir, '..', '..', 'src', 'main.ts')

const { start, clear } = clouds()
const started: { stop(): Promise<void> }[] = []
const programs: Running[] = []
afterEach(async () => {
  for (const program of programs) program.signal('SIGKILL')
  await Promise.all(programs.splice(0).map(({ exited }) => exited))
  for (const part of started.splice(0).reverse()) await part.stop()
  await clear()
})

describe('a gateway whose key was revoked', () => {
  async function setUp() {
    const kit = await start({ secret: SECRET })
    const { cloud } = kit
    const gateway = await startGateway({
      ...{ upstream: 'http://127.0.0.1:1', isSealing: false },
      ...{ cloud: new URL(cloud.url).origin, vpcSecret: SECRET },
    })
    started.push(gateway)
    const headers = await gateway.bearer()
    const ask = (path: string, init: RequestInit = {}) =>
      fetch(gateway.url + path, { ...init, headers: { ...init.headers, ...headers } })
    const chat = () => {
      const messages = [{ role: 'user', content: 'Hello there' }]
      return ask('/v1/chat/completions', { method: 'POST', body: JSON.stringify({ model: 'any', messages }) })
    }
    expect((await ask('/v1/models')).status).toBe(200)
    cloud.revoke()
    return { ...kit, ask, chat, logins: () => cloud.counts.get(LOGIN) }
  }

  test('has another by one login, for all that are on their way and have their body still', async () => {
    const { ask, chat, logins } = await setUp()
    const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => (at % 2 ? chat() : ask('/v1/models'))))
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
    expect(await answers[1]?.json()).toMatchObject({ choices: [{ message: { content: CLOUD_TEXT } }] })
    expect(logins()).toBe(2)
  })

  test('has another for the next request, where a body has streamed away', async () => {
    const { ask, chat, heard, logins } = await setUp()
    const body = new ReadableStream({
      start: async controller => {
        for (const piece of ['--b\r\n', 'one', 'two']) controller.enqueue(Buffer.from(piece.repeat(20_000)))
        controller.close()
      },
    })
    const refused = await ask('/v1/audio/transcriptions', {
      method: 'POST',
      body,
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    })
    expect([refused.status, refused.headers.get('x-should-retry')]).toEqual([502, 'false'])
    expect(heard.filter(({ path }) => path.endsWith('transcriptions'))).toHaveLength(1)
    expect([(await chat()).status, logins()]).toEqual([200, 2])
  })
})

describe('a key that an administrator takes back', () => {
  test('is gone for the next request here, and for the next after five seconds of another process', async () => {
    const clock = clockAt()
    const { cloud, heard } = await start({ secret: SECRET, now: clock.now })
    const options = {
      ...{ upstream: 'http://127.0.0.1:1', isSealing: false, cloud: new URL(cloud.url).origin, vpcSecret: SECRET },
      ...{ database: await engines[0]!.fresh(), now: clock.now, admins: { emails: ['root@example.com'] } },
      mockLogin: true,
    }
    const [here, there] = [await startGateway(options), await startGateway(options)]
    started.push(here, there)
    const root = await account(here, 'root@example.com')
    const logins = () => cloud.counts.get(LOGIN)
    const keyBy = async (kit: Kit) => {
      expect((await by(kit, root.headers.authorization).ask('GET', '/models')).status).toBe(200)
      return heard.findLast(({ path }) => path.endsWith('models'))?.headers.get('authorization')
    }
    const old = await keyBy(here)
    expect([await keyBy(there), logins()]).toEqual([old, 1])
    expect((await root.ask('POST', '/admin/vpc/revoke')).status).toBe(204)
    const key = await keyBy(here)
    expect([key === old, logins()]).toEqual([false, 2])
    clock.pass(5000)
    expect([await keyBy(there), logins()]).toEqual([key, 2])
    const { entries } = await root.told<{ entries: object[] }>('GET', '/admin/audit')
    expect(entries).toMatchObject([{ action: 'vpc.revoke', about: null, details: null }])
    expect(here.lines.concat(there.lines).join('')).not.toContain(key?.replace('Bearer ', '') ?? '')
  })
})

describe('the program, told to log in', () => {
  async function setUp() {
    const { cloud } = await start({ secret: SECRET })
    const issuer = await devIssuer()
    started.push(issuer)
    const cwd = freshDirectory()
    const file = join(cwd, 'secret')
    const run = async (secret: string) => {
      await Bun.write(file, secret)
      const env = {
        OPENAI_BASE_URL: cloud.url,
        VPC_SHARED_SECRET_FILE: file,
        JWKS_URL: issuer.jwksUrl,
        ISSUER: 'https://id.example',
        DATABASE_URL: `sqlite:${join(cwd, 'sealgate.db')}`,
        PORT: '0',
      }
      const running = startProgram(process.execPath, { args: ['--no-env-file', PROGRAM], env, cwd })
      programs.push(running)
      return running
    }
    const token = await issuer.token({ issuer: 'https://id.example', audience: 'any' })
    return { cloud, run, authorization: `Bearer ${token}` }
  }

  test('does not start on a wrong secret, and says in one line what to check', async () => {
    const { cloud, run } = await setUp()
    const running = await run('another secret')
    expect(await running.exited).toBe(1)
    const lines = running.output().trim().split('\n')
    expect(lines.filter(line => line.startsWith('sealgate: '))).toEqual([
      `sealgate: Cannot log in at ${cloud.url}: it answered with status 401 and no key. Check VPC_SHARED_SECRET, VPC_CLIENT_ID, OPENAI_BASE_URL (with its /v1), and this machine's clock: 30 s off is too much.`,
    ])
    expect(lines.join('\n')).toContain('vpc_login_failed status=401')
    expect(lines.join('\n')).not.toMatch(/another secret|Invalid VPC signature|listening/)
  })

  test('serves without Tinfoil, and after a restart by the same key', async () => {
    const { cloud, run, authorization } = await setUp()
    for (const secret of [` ${SECRET}\n\n`, 'not even asked']) {
      const running = await run(secret)
      const [, port] = await running.says(/listening port=(\d+)/)
      const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`, { headers: { authorization } })
      expect(await (await ask('/health')).json()).toMatchObject({ backends: ['openai'] })
      expect((await ask('/v1/models')).headers.get('x-sealgate-backend')).toBe('openai')
      expect((await ask('/.well-known/hpke-keys')).status).toBe(404)
      running.signal('SIGTERM')
      expect(await running.exited).toBe(0)
      expect(running.output()).not.toMatch(/warning|sk-[0-9a-f]{32}/)
    }
    expect([cloud.counts.get(LOGIN), cloud.counts.get('GET models')]).toEqual([1, 2])
  })
})
