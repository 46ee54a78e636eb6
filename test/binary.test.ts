import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { executable, type Running, start, startDev } from './kit/binary.ts'
import { forLocalhost } from './kit/certificates.ts'
import { freshDirectory } from './kit/directory.ts'
import { madePair } from './kit/tls.ts'

let home: string
let sealgate: string
const alive: Running[] = []

beforeAll(async () => {
  home = freshDirectory()
  sealgate = await executable()
})

afterAll(async () => {
  for (const running of alive) running.signal('SIGKILL')
  await Promise.all(alive.map(running => running.exited))
  rmSync(home, { recursive: true })
})

/** A new empty directory to start in. */
function empty(name: string): string {
  const directory = join(home, name)
  mkdirSync(directory)
  return directory
}

async function dev(options: Parameters<typeof startDev>[1]) {
  const running = await startDev(sealgate, options)
  alive.push(running)
  return running
}

const chat = (stream: boolean) =>
  JSON.stringify({ model: 'any', stream, messages: [{ role: 'user', content: 'Hello' }] })

describe('the executable, started in an empty directory', () => {
  test('serves every line that dev mode prints, and leaves nothing behind', async () => {
    const cwd = empty('printed')
    const gateway = await dev({ cwd })
    await gateway.says(/keys_loaded/)
    const lines = gateway
      .output()
      .split('\n')
      .filter(line => /^(export|curl) /.test(line))
    expect(lines).toHaveLength(7)
    const shell = Bun.spawn(['sh', '-ec', lines.join('\n').replaceAll('curl -s', 'curl -sf')], { stdout: 'pipe' })
    const printed = await new Response(shell.stdout).text()
    expect(await shell.exited).toBe(0)
    expect(printed).toContain('"session_token":"sess_')
    expect(printed).toContain('"id":"stand-in-small"')
    expect(printed).toContain('You said: Hello"')
    expect(printed).toContain('data: [DONE]')
    expect(printed).toMatch(/\{"object":"list","data":\[\{"id":"conv_/)
    expect(readdirSync(cwd)).toEqual([])
  })

  test('says plainly that the enclave and the cloud are stand-ins', async () => {
    const gateway = await dev({ cwd: empty('plain') })
    expect(gateway.output()).toMatch(/STAND-IN ENCLAVE[\s\S]*STAND-IN CLOUD/)
  })

  test('reads no file that lies there', async () => {
    const cwd = empty('hostile')
    writeFileSync(join(cwd, '.env'), 'PORT=1\nTINFOIL_API_KEY=planted\n')
    writeFileSync(join(cwd, 'bunfig.toml'), 'preload = ["./planted.ts"]\n')
    writeFileSync(join(cwd, 'planted.ts'), 'console.log("planted code ran")\n')
    const gateway = await dev({ cwd })
    expect(gateway.output()).toContain('STAND-IN ENCLAVE')
    expect(gateway.output()).not.toContain('planted')
  })

  test('has the documentation inside', async () => {
    const gateway = await dev({ cwd: empty('docs') })
    const paths = [
      '/docs',
      '/docs/start.js',
      '/docs/swagger-ui-bundle.js',
      '/docs/swagger-ui.css',
      '/api-docs/openapi.json',
    ]
    for (const path of paths) {
      const answer = await fetch(gateway.url + path)
      expect([path, answer.status, (await answer.bytes()).length > 50]).toEqual([path, 200, true])
    }
  })

  test('answers its own healthcheck, and says when nobody answers', async () => {
    const cwd = empty('healthcheck')
    const gateway = await dev({ cwd })
    const port = new URL(gateway.url).port
    expect(await start(sealgate, { cwd, args: ['healthcheck', '--port', port] }).exited).toBe(0)
    gateway.signal('SIGTERM')
    await gateway.exited
    const checking = start(sealgate, { cwd, args: ['healthcheck', '--port', port] })
    expect(await checking.exited).toBe(1)
    expect(checking.output()).toContain('did not answer')
  })
})

describe('the executable with TLS', () => {
  test('serves it by the key of the guest agent, is well, and shares its port with nobody', async () => {
    const cwd = empty('tls')
    const gateway = await dev({ cwd, args: ['--tls', 'dstack'] })
    const port = new URL(gateway.url).port
    const [, said] = await gateway.says(/curl -sk -w '\\n' (https:\S+)\/v1\/models/)
    expect(said).toBe(`https://127.0.0.1:${port}`)
    const { authorization } = gateway
    const models = await fetch(`${said}/v1/models`, { headers: { authorization }, tls: { rejectUnauthorized: false } })
    expect(await models.text()).toContain('stand-in-small')
    const args = ['--tls', 'dstack', '--port', port]
    const [check, plain, second] = [
      ['healthcheck', ...args],
      ['healthcheck', '--port', port],
      ['--dev-mode', ...args],
    ].map(args => start(sealgate, { cwd, args }))
    expect([await check?.exited, await plain?.exited, await second?.exited]).toEqual([0, 1, 1])
    expect(second?.output()).toContain(`port ${port} is in use: stop what uses it, or set PORT`)
  })

  test('is verified over that key, and refuted over the key of whoever stands between', async () => {
    const cwd = empty('verify')
    const gateway = await dev({ cwd, args: ['--tls', 'dstack'] })
    const real = `https://127.0.0.1:${new URL(gateway.url).port}`
    using between = Bun.serve({
      port: 0,
      tls: forLocalhost,
      fetch: ({ url }) => fetch(real + url.slice(new URL(url).origin.length), { tls: { rejectUnauthorized: false } }),
    })
    const [own, other] = [real, `https://localhost:${between.port}`].map(url =>
      start(sealgate, { cwd, args: ['verify', url] }),
    )
    expect([await own?.exited, await other?.exited]).toEqual([3, 1])
    expect(own?.output()).toStartWith('SIMULATED: proves nothing about hardware\n')
    expect(other?.output()).toMatch(/\n {2}FAIL {9}TLS key .*somebody stands between\n/)
  })

  test('says in one line that there is no guest agent to give a key, and exits with 1', async () => {
    const env = { TINFOIL_API_KEY: 'tk', JWKS_URL: 'https://id.example/keys', ISSUER: 'https://id.example' }
    const running = start(sealgate, { cwd: empty('no-agent'), args: ['--tls', 'dstack', '--port', '0'], env })
    expect(await running.exited).toBe(1)
    expect(running.output()).toContain('sealgate: TLS: dstack needs the guest agent of a TEE, and none is here')
  })

  test('says in one line what is wrong with a certificate, and exits with 2', async () => {
    const cwd = empty('bad-tls')
    const [{ chain }, { key }] = [madePair(), madePair()]
    writeFileSync(join(cwd, 'c.pem'), chain)
    writeFileSync(join(cwd, 'k.pem'), key)
    const args = ['--dev-mode', '--port', '0', '--tls-cert-file', 'c.pem', '--tls-key-file', 'k.pem']
    const running = start(sealgate, { cwd, args })
    expect(await running.exited).toBe(2)
    expect(running.output()).toMatch(
      /^sealgate: TLS_KEY_FILE is not the key of the first certificate in TLS_CERT_FILE: .*\n$/,
    )
  })
})

describe('the executable, when something is wrong', () => {
  test('names every missing setting at once and exits with 2', async () => {
    const running = start(sealgate, { cwd: empty('missing'), args: ['--port', '80a'] })
    expect(await running.exited).toBe(2)
    expect(running.output()).toContain('TINFOIL_API_KEY is required')
    expect(running.output()).toContain('JWKS_URL is required')
    expect(running.output()).toContain('--port: "80a" is not a whole number')
  })

  test('says in one line that the port is in use, and exits with 1', async () => {
    const gateway = await dev({ cwd: empty('port') })
    const port = new URL(gateway.url).port
    const second = start(sealgate, { cwd: home, args: ['--dev-mode', '--port', port] })
    expect(await second.exited).toBe(1)
    expect(second.output()).toMatch(
      new RegExp(`^sealgate: Cannot listen on 127.0.0.1:${port}: port ${port} is in use.*\n$`),
    )
  })

  test('says in one line that a TEE has no guest agent, and exits with 1', async () => {
    const env = { TINFOIL_API_KEY: 'tk', ISSUER: 'https://id.example', JWKS_URL: 'http://127.0.0.1:1', DEV: 'false' }
    const running = start(sealgate, { cwd: empty('tee'), env })
    expect(await running.exited).toBe(1)
    expect(running.output()).toMatch(
      /^sealgate: TEE is dstack \(as it is where DEV_MODE=false is said\), and there is no guest agent .*: mount its socket, .*\n$/,
    )
  })

  test('says in one line that the database cannot be opened, and exits with 1', async () => {
    const running = start(sealgate, { cwd: home, args: ['--dev-mode', '--database-url', 'sqlite:nowhere/x.db'] })
    expect(await running.exited).toBe(1)
    expect(running.output()).toMatch(/^sealgate: The database nowhere\/x.db cannot be used: .*\n$/)
  })

  test('refuses a key that does not fit the database, with 2, and writes nothing', async () => {
    const cwd = empty('keys')
    const args = ['--database-url', 'sqlite:x.db']
    const first = await dev({ cwd, args })
    first.signal('SIGTERM')
    expect(await first.exited).toBe(0)
    const before = readFileSync(join(cwd, 'x.db'))
    const second = start(sealgate, { cwd, args: ['--dev-mode', ...args], env: { DATA_KEY: 'ab'.repeat(32) } })
    expect(await second.exited).toBe(2)
    expect(second.output()).toContain('key is not the one this database was written with')
    expect(second.output()).not.toContain('abab')
    expect(readFileSync(join(cwd, 'x.db')).equals(before)).toBe(true)
  })
})

/** A stream that lasts for ten seconds. */
function longStream({ url, authorization }: { url: string; authorization: string }): Promise<Response> {
  const messages = [{ role: 'user', content: 'word '.repeat(400) }]
  const body = JSON.stringify({ model: 'any', stream: true, messages })
  return fetch(`${url}/v1/chat/completions`, { method: 'POST', headers: { authorization }, body })
}

const endOf = (streaming: Response) =>
  streaming.text().then(
    () => 'whole',
    () => 'broken',
  )

describe('the executable, when it stops', () => {
  test('lets a stream finish after SIGTERM, refuses new connections, and exits with 0', async () => {
    const gateway = await dev({ cwd: empty('drain') })
    const { authorization } = gateway
    const streaming = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization },
      body: chat(true),
    })
    gateway.signal('SIGTERM')
    await gateway.says(/draining streams=1/)
    expect(
      await fetch(`${gateway.url}/health`).then(
        () => 'answered',
        () => 'refused',
      ),
    ).toBe('refused')
    expect(await streaming.text()).toEndWith('data: [DONE]\n\n')
    expect(await gateway.exited).toBe(0)
    expect(gateway.output()).toContain('ending=complete')
    expect(gateway.output()).toEndWith('stopped\n')
  })

  test('cuts what is left after DRAIN_SECONDS, so that the client sees a broken stream', async () => {
    const gateway = await dev({ cwd: empty('cut'), args: ['--drain-seconds', '0'] })
    const streaming = await longStream(gateway)
    gateway.signal('SIGINT')
    expect(await endOf(streaming)).toBe('broken')
    expect(await gateway.exited).toBe(0)
    expect(gateway.output()).toContain('cut streams=1')
  })

  test('cuts at once at a second signal', async () => {
    const gateway = await dev({ cwd: empty('twice') })
    const streaming = await longStream(gateway)
    gateway.signal('SIGTERM')
    await gateway.says(/draining/)
    gateway.signal('SIGTERM')
    expect(await endOf(streaming)).toBe('broken')
    expect(await gateway.exited).toBe(0)
  })
})

test('the limit survives kill -9 and a restart, and the database holds no issuer or subject', async () => {
  const cwd = empty('limit')
  const env = {
    DATABASE_URL: 'sqlite:limit.db',
    RATE_LIMIT_RPM: '1',
    RATE_LIMIT_BURST: '10',
    CONCURRENT_LIMIT: '0',
    ISSUER: 'https://issuer-to-be-forgotten.example',
  }
  const first = await dev({ cwd, env })
  await first.says(/keys_loaded/)
  const ask = (gateway: { url: string; authorization: string }) =>
    fetch(`${gateway.url}/v1/models`, { headers: { authorization: gateway.authorization } }).then(
      ({ status }) => status,
    )
  const statuses = await Promise.all(Array.from({ length: 50 }, () => ask(first)))
  expect(statuses.filter(status => status === 200)).toHaveLength(10)
  expect(statuses.filter(status => status === 429)).toHaveLength(40)
  first.signal('SIGKILL')
  await first.exited
  const second = await dev({ cwd, env })
  await second.says(/keys_loaded/)
  expect(await ask(second)).toBe(429)
  second.signal('SIGTERM')
  await second.exited
  for (const file of readdirSync(cwd)) {
    const bytes = readFileSync(join(cwd, file)).toString('latin1')
    expect(bytes).not.toContain('issuer-to-be-forgotten')
    expect(bytes).not.toContain('dev-user')
  }
})
