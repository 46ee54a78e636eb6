import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHmac, createPublicKey } from 'node:crypto'
import { rmSync } from 'node:fs'
import { executable, type Running, start } from '../kit/binary.ts'
import { countingUpstream } from '../kit/counting.ts'
import { freshDirectory } from '../kit/directory.ts'
import { part, publish, signer } from '../kit/jwt.ts'
import { eventually } from '../kit/stage.ts'

const [issuer, attacker] = [await signer('good'), await signer('good')]
const upstream = countingUpstream()
const trap = countingUpstream(() => Response.json({ keys: [attacker.jwk] }))
const published = publish(issuer.jwk)
const poisoned = publish()

let home: string
let sealgate: string
const alive: Running[] = []

beforeAll(async () => {
  home = freshDirectory()
  sealgate = await executable()
}, 60_000)
afterAll(async () => {
  for (const running of alive) running.signal('SIGKILL')
  await Promise.all([upstream, trap, published, poisoned].map(server => server.stop()))
  await Promise.all(alive.map(running => running.exited))
  rmSync(home, { recursive: true })
})

/** Starts the executable as an operator does, its keys fetched there. */
async function serve(jwksUrl: string) {
  const env = {
    TINFOIL_API_KEY: 'tk-for-tests',
    TINFOIL_BASE_URL: upstream.url,
    JWKS_URL: jwksUrl,
    AUDIENCES: 'mine',
    DATABASE_URL: 'sqlite::memory:',
    HOST: '127.0.0.1',
    PORT: '0',
    RATE_LIMIT_RPM: '0',
    TEE: 'none',
  }
  const running = start(sealgate, { cwd: home, env })
  alive.push(running)
  const [, port] = await running.says(/listening port=(\d+)/)
  const url = `http://127.0.0.1:${port}`
  const show = (token: string) => fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${token}` } })
  return { ...running, url, show }
}

const claims = () => ({ aud: 'mine', sub: 'ada', scope: 'inference', exp: Math.floor(Date.now() / 1000) + 600 })

describe('the executable', () => {
  let gateway: Awaited<ReturnType<typeof serve>>
  beforeAll(async () => {
    gateway = await serve(published.url)
    await gateway.says(/keys_loaded/)
  })

  /** Shows a token that must be refused in this way, and a good one after it that must not. */
  async function repels(token: string, code: string): Promise<void> {
    const before = upstream.requests.length
    const answer = await gateway.show(token)
    expect(answer.status).toBe(401)
    expect(await answer.json()).toMatchObject({ error: { code } })
    expect(upstream.requests).toHaveLength(before)
    expect((await gateway.show(await issuer.sign(claims()))).status).toBe(200)
    expect(upstream.requests).toHaveLength(before + 1)
  }

  test('takes no token without a signature', async () => {
    for (const alg of ['none', 'None', 'NONE', '', undefined]) {
      const signed = `${part({ alg, kid: 'good' })}.${part(claims())}`
      for (const token of [`${signed}.`, signed, `${signed}.${'A'.repeat(86)}`]) await repels(token, 'token_malformed')
    }
  })

  test('takes no public key for a shared secret', async () => {
    const key = createPublicKey({ key: { ...issuer.jwk }, format: 'jwk' })
    const pem = key.export({ type: 'spki', format: 'pem' }).toString()
    for (const secret of [
      pem,
      pem.trimEnd(),
      key.export({ type: 'spki', format: 'der' }),
      JSON.stringify(issuer.jwk),
    ]) {
      for (const [alg, code] of [
        ['HS256', 'token_malformed'],
        ['ES256', 'token_bad_signature'],
      ] as const) {
        const signed = `${part({ alg, kid: 'good' })}.${part(claims())}`
        await repels(`${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`, code)
      }
    }
  })

  test('takes no kid for an address', async () => {
    for (const kid of [trap.url, `${trap.url}/jwks.json`, '../../etc/passwd', 'file:///dev/null'])
      await repels(await attacker.sign(claims(), { kid }), 'token_unknown_key')
    expect(trap.requests).toEqual([])
  })

  test('asks nobody whom a token points at', async () => {
    const { url } = trap
    const hints = [
      { jku: url },
      { x5u: url },
      { jwk: attacker.jwk },
      { jku: url, x5u: url, jwk: attacker.jwk, x5c: [url] },
    ]
    for (const hint of hints) await repels(await attacker.sign(claims(), hint), 'token_bad_signature')
    expect(trap.requests).toEqual([])
  })
})

test('the executable drops a key set of 20 MiB, says that it has no keys, and takes the next good one', async () => {
  const large = Buffer.from(JSON.stringify({ keys: [attacker.jwk], x: 'x'.repeat(20 * 1_048_576) }))
  poisoned.answer = () => new Response(large)
  const gateway = await serve(poisoned.url)
  await gateway.says(/keys_failed/)
  const before = upstream.requests.length
  for (const token of [await issuer.sign(claims()), await attacker.sign(claims())]) {
    const answer = await gateway.show(token)
    expect(answer.status).toBe(503)
    expect(await answer.json()).toMatchObject({ error: { code: 'keys_unavailable' } })
  }
  expect(upstream.requests).toHaveLength(before)
  expect((await fetch(`${gateway.url}/health`)).status).toBe(200)
  poisoned.answer = () => Response.json({ keys: [issuer.jwk] })
  await eventually(() => gateway.output().includes('keys_loaded'), 'the good keys')
  expect((await gateway.show(await issuer.sign(claims()))).status).toBe(200)
})
