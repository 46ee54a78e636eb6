import { afterAll, beforeAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { type DevIssuer, devIssuer } from '../../src/dev/issuer.ts'
import { type Running, start } from '../kit/binary.ts'
import { freshDirectory } from '../kit/directory.ts'

const PROGRAM = join(import.meta.dir, '..', '..', 'src', 'main.ts')
let issuer: DevIssuer
let running: Running | undefined

beforeAll(async () => {
  issuer = await devIssuer()
})
afterAll(async () => {
  running?.signal('SIGKILL')
  await Promise.all([issuer.stop(), running?.exited])
})

test('with a sign-in provider the program needs no token service: it is ready, takes no JWT and looks for no keys', async () => {
  const env = {
    TINFOIL_API_KEY: 'tk',
    GOOGLE_CLIENT_ID: 'id',
    GOOGLE_CLIENT_SECRET: 'secret',
    PUBLIC_URL: 'https://gate.example',
    FRONTEND_URL: 'https://gate.example/app',
    TRUSTED_PROXIES: '127.0.0.0/8',
    DATABASE_URL: 'sqlite::memory:',
    LOG_LEVEL: 'debug',
    PORT: '0',
  }
  running = start(process.execPath, { args: ['--no-env-file', PROGRAM], env, cwd: freshDirectory() })
  const [, port] = await running.says(/listening port=(\d+)/)
  const ask = (path: string, bearer?: string) =>
    fetch(`http://127.0.0.1:${port}${path}`, { headers: bearer ? { authorization: `Bearer ${bearer}` } : {} })
  expect((await ask('/readyz')).status).toBe(200)

  const token = await issuer.token({ issuer: 'https://id.example', audience: 'any' })
  const refused = await ask('/v1/models', token)
  expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer error="invalid_token"'])
  expect(await refused.json()).toMatchObject({
    error: {
      code: 'token_unknown_key',
      message: 'No token service is configured here: sign in, or use an API key.',
    },
  })
  expect(await (await ask('/v1/models', `sess_${'0'.repeat(32)}`)).json()).toMatchObject({
    error: { code: 'session_not_found' },
  })

  running.signal('SIGTERM')
  expect(await running.exited).toBe(0)
  expect(running.output()).not.toContain('keys_')
  expect(running.output()).not.toContain('warning')
})
