import { expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { existsSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadSite } from '../src/features/frontend/site.ts'
import { userOwnerOf } from '../src/protocol/principal.ts'
import { serve } from '../src/serve.ts'
import type { Config } from '../src/settings.ts'
import { TeeFault } from '../src/tee/find.ts'
import type { Taken } from '../src/tls/source.ts'
import type { Link } from '../src/workers/link.ts'
import { agentOnSocket, socketPath } from './kit/agent.ts'
import { ROOT } from './kit/certificates.ts'
import { dev, needed, read } from './kit/config.ts'
import { runOn } from './kit/database.ts'
import { freshDirectory } from './kit/directory.ts'
import { rawRequest, requestBytes } from './kit/raw.ts'
import { builtSpa, textOf } from './kit/spa.ts'

import { chunk, EMBEDDINGS, eventually } from './kit/stage.ts'
import { goodPair, tlsClient } from './kit/tls.ts'

const HERE = { HOST: '127.0.0.1', PORT: '0', JWKS_URL: 'http://127.0.0.1:1/keys' }

test('dev mode does not start where a guest agent answers, and leaves nothing behind', async () => {
  const { path, stop } = agentOnSocket()
  const database = join(freshDirectory(), 'x.db')
  const { config } = dev({ ...HERE, DATABASE_URL: `sqlite:${database}` })
  const said: string[] = []
  const running = serve(config, { write: text => said.push(text), onSignal: () => undefined, sockets: [path] })
  expect(await running.catch(error => error)).toBeInstanceOf(TeeFault)
  expect([said, existsSync(database)]).toEqual([[], false])
  await stop()
})

test('without a TEE it serves, and warns once', async () => {
  const { config } = read({ ...needed, ...HERE, DATABASE_URL: 'sqlite::memory:' })
  const { said, stop } = await served(config)
  await stop()
  expect(said().match(/WARN +no_tee/gi)).toHaveLength(1)
})

test('whoever is banned by another process is cut, though nobody asks anything', async () => {
  const database = `sqlite:${join(freshDirectory(), 'x.db')}`
  const { url, stop } = await served(dev({ ...HERE, DATABASE_URL: database }).config)
  const signIn = await fetch(`${url}/v1/auth/mock-login`, { method: 'POST', body: '{"email":"eve@example.com"}' })
  const { session_token: token, user_id: user } = (await signIn.json()) as { session_token: string; user_id: string }
  const headers = { authorization: `Bearer ${token}`, 'transfer-encoding': 'chunked' }
  const wire = await rawRequest(url, requestBytes(EMBEDDINGS, headers, chunk('{"input":')))
  await eventually(async () => (await runOn(database, 'SELECT 1 FROM slots')).length > 0)
  await runOn(database, `INSERT INTO bans VALUES ('${userOwnerOf(user)}', 'sealed', 'u_1', 1, NULL)`)
  expect((await wire.message()).body).toContain('account_restricted')
  await stop()
})

test('a worker that cannot serve with another pair goes on with the one before', async () => {
  const { config } = read({ ...needed, ...HERE, DATABASE_URL: 'sqlite::memory:', METRICS_ADDR: 'off' })
  const pair = { ...goodPair(), stamp: '1' }
  let take: (pair: Taken) => void = () => undefined
  let end: () => void = () => undefined
  const link: Link = {
    ...{ number: 1, port: 0, pair, isMeasured: false, listening: () => undefined, onCount: () => undefined },
    onPair: listener => {
      take = listener
    },
    onSignal: listener => {
      end = listener
    },
  }
  const { url, said, stop } = await served(config, link)
  take({ ...pair, key: 'no key' })
  await eventually(() => said().includes('tls_kept'))
  const { spki, close } = await tlsClient(Number(new URL(url).port))
  close()
  end()
  await stop()
  expect(spki).toBe(pair.spki)
})

test('a front end is served, and reports state what is in it', async () => {
  const dist = builtSpa()
  symlinkSync('../secret.txt', join(dist, 'leak.txt'))
  const places = { FRONTEND_DIR: dist, PUBLIC_URL: 'https://gate.example', FRONTEND_CSP: "default-src 'self'" }
  const { url, said, stop } = await served(dev({ ...HERE, ...places }).config)
  const page = await fetch(`${url}/chats/42`)
  const report = (await (await fetch(`${url}/v1/attestation/report`)).json()) as {
    gateway_attestation: { statement: string }
  }
  await stop()
  expect([page.status, await page.text()]).toEqual([200, textOf('index.html')])
  expect(page.headers.get('content-security-policy')).toBe("default-src 'self'; frame-ancestors 'none'")
  expect(page.headers.has('strict-transport-security')).toBe(true)
  const { FRONTEND_DIR, FRONTEND_CSP } = JSON.parse(report.gateway_attestation.statement).settings
  expect([FRONTEND_DIR, FRONTEND_CSP]).toEqual([loadSite(dist).digest, places.FRONTEND_CSP])
  expect(said()).toMatch(/warn +frontend_loaded files=\d+ bytes=\d+ left_out=1\n/)
})

test('a front end that is not there stops a start in one line, with 2, and leaves nothing behind', async () => {
  const cwd = freshDirectory()
  const main = join(import.meta.dir, '../src/main.ts')
  const args = ['--dev-mode', '--frontend-dir', 'dist', '--database-url', 'sqlite:x.db']
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, main, ...args], { cwd, env: {} })
  expect([exitCode, stderr.toString()]).toEqual([
    2,
    'sealgate: FRONTEND_DIR: "dist" cannot be read (ENOENT): name the folder that a build wrote, such as dist.\n',
  ])
  expect(existsSync(join(cwd, 'x.db'))).toBe(false)
})

test('a start while the proxy is away serves, says why nothing is reached, and reports both settings', async () => {
  const cwd = freshDirectory()
  writeFileSync(join(cwd, 'roots.pem'), ROOT)
  const away = { UPSTREAM_PROXY: 'http://ada:hunter2@127.0.0.1:1', CA_FILE: join(cwd, 'roots.pem') }
  const { url, said, stop } = await served(dev({ ...HERE, ...away, JWKS_URL: 'https://id.example/keys' }).config)
  await eventually(() => said().includes('keys_failed'))
  const report = (await (await fetch(`${url}/v1/attestation/report`)).json()) as {
    gateway_attestation: { statement: string }
  }
  await stop()
  const digest = `sha256:${createHash('sha256').update(ROOT).digest('hex')}`
  const { settings } = JSON.parse(report.gateway_attestation.statement)
  expect(settings).toMatchObject({ CA_FILE: digest, proxied: true })
  expect(settings).not.toHaveProperty('UPSTREAM_PROXY')
  expect(said()).toMatch(/keys_failed .*ProxyFault\/unreachable/)
  expect(said()).not.toContain('hunter2')
})

test.each([
  ['nowhere.pem', 'cannot be read (ENOENT): name a file of certificates in PEM.'],
  ['x.pem', 'holds no certificate in PEM: name a file that does.'],
])('roots in %s stop a start in one line, with 2, and leave nothing behind', (path, words) => {
  const cwd = freshDirectory()
  writeFileSync(join(cwd, 'x.pem'), 'nothing')
  const main = join(import.meta.dir, '../src/main.ts')
  const args = ['--dev-mode', '--ca-file', path, '--database-url', 'sqlite:x.db']
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, main, ...args], { cwd, env: {} })
  expect([exitCode, stderr.toString()]).toEqual([2, `sealgate: CA_FILE: "${path}" ${words}\n`])
  expect(existsSync(join(cwd, 'x.db'))).toBe(false)
})

/** One that listens, where no guest agent is; ended by a signal. */
async function served(config: Config, link?: Link) {
  const listening = Promise.withResolvers<string>()
  let said = ''
  let end: () => void = () => undefined
  const running = serve(config, {
    write: text => {
      said += text
      const port = /listening port=(\d+)/.exec(said)?.[1]
      if (port !== undefined) listening.resolve(`http://127.0.0.1:${port}`)
    },
    onSignal: listener => {
      end = listener
    },
    sockets: [socketPath()],
    link,
  })
  running.catch(listening.reject)
  const stop = () => {
    end()
    return running
  }
  return { url: await listening.promise, said: () => said, stop }
}
