import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { hurl } from '../kit/attack.ts'
import { executable, type Running, start } from '../kit/binary.ts'
import { freshDirectory } from '../kit/directory.ts'
import { part, publish, signer } from '../kit/jwt.ts'
import { rawRequest, rawUpstream, requestBytes, type Wire } from '../kit/raw.ts'
import { answerBytes, CHAT, CHUNKED, chunk, eventually, MODELS } from '../kit/stage.ts'

/** Stands in everything that a caller, an upstream or an issuer can say, and may be repeated to its own caller only. */
const MARK = 'zebra'
const KEY = 'tk-key-of-ours'
const ISSUER = `https://${MARK}-issuer.example`
const home = freshDirectory()
const key = await signer(`${MARK}-kid`)
const keys = publish(key.jwk)
const alive: Running[] = []

const replies: Readonly<Record<string, (wire: Wire) => unknown>> = {
  fails: wire => wire.send(answerBytes(`500 ${MARK}`, { 'Content-Type': `text/${MARK}`, [`X-${MARK}`]: MARK }, MARK)),
  denies: wire => wire.send(answerBytes(`401 ${MARK}`, { 'WWW-Authenticate': MARK, 'Set-Cookie': MARK }, MARK)),
  moves: wire => wire.send(answerBytes(`302 ${MARK}`, { Location: `https://${MARK}.test/` }, MARK)),
  babbles: wire => wire.send(`${MARK} ${MARK} ${MARK}\r\n\r\n`),
  'hangs-up': wire => wire.reset(),
  dies: async wire => {
    await wire.send(`${CHUNKED}${chunk(MARK)}`)
    await Bun.sleep(30)
    wire.reset()
  },
  'breaks-its-chunks': async wire => {
    await wire.send(`${CHUNKED}${chunk(MARK)}`)
    await Bun.sleep(30)
    await wire.send(`${MARK}\r\n`)
  },
  'ends-short': async wire => {
    await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n${MARK}`)
    await Bun.sleep(30)
    wire.fin()
  },
  'goes-on': wire => wire.send(`${CHUNKED}${chunk(MARK)}`),
}

const upstream = await rawUpstream(async wire => {
  for (;;) {
    const { head } = await wire.message()
    const reply = Object.entries(replies).find(([name]) => head.includes(`?${name}&`))?.[1]
    await (reply ?? (() => wire.send(answerBytes('200 OK', {}, '{}'))))(wire)
  }
})

async function run(name: string, env: Record<string, string> = {}) {
  const settings = {
    TINFOIL_BASE_URL: upstream.url,
    TINFOIL_API_KEY: KEY,
    JWKS_URL: keys.url,
    ISSUER,
    AUDIENCES: `${MARK}-audience`,
    LOG_LEVEL: 'debug',
    ALLOW_PLAINTEXT: 'true',
    PORT: '0',
    DATABASE_URL: `sqlite:${name}.db`,
  }
  const running = start(sealgate, { cwd: home, env: { ...settings, ...env } })
  alive.push(running)
  const [, port] = await running.says(/listening port=(\d+)/)
  return { ...running, url: `http://127.0.0.1:${port}` }
}

const claims = (subject: string, scope = 'inference') => ({
  iss: ISSUER,
  aud: `${MARK}-audience`,
  sub: subject,
  client_id: `${MARK}-client`,
  scope: `${scope} ${MARK}-scope`,
  exp: Math.floor(Date.now() / 1000) + 600,
})

let gateway: Awaited<ReturnType<typeof run>>
let authorization: string
let sealgate: string

beforeAll(async () => {
  sealgate = await executable()
  gateway = await run('main')
  await gateway.says(/keys_loaded/)
  authorization = `Bearer ${await key.sign(claims(`${MARK}-subject`))}`
})

afterAll(async () => {
  for (const running of alive) running.signal('SIGKILL')
  await Promise.all(alive.map(running => running.exited))
  await Promise.all([upstream.stop(), keys.stop()])
  rmSync(home, { recursive: true })
})

const marked = (signed = authorization) => ({
  authorization: signed,
  'x-request-id': MARK,
  cookie: `${MARK}=${MARK}`,
  accept: `text/${MARK}`,
  'user-agent': MARK,
  referer: `https://${MARK}.test/`,
  origin: `https://${MARK}.test`,
  'x-forwarded-for': MARK,
  [`x-${MARK}`]: MARK,
})
const ask = (line: string, headers: Record<string, string> = marked(), body = '') =>
  rawRequest(gateway.url, requestBytes(line, { ...headers, 'content-length': String(body.length) }, body))

/** Nothing that was written, logged or kept holds the mark, our key or any part of a token. */
function expectSilence(running: Running = gateway) {
  const output = running.output()
  for (const secret of [MARK, KEY, authorization.slice(7, 40), authorization.slice(-40)])
    expect(output).not.toContain(secret)
  const files = readdirSync(home).filter(name => /\.db(-wal|-shm|\.key)?$/.test(name))
  expect(files).toContain('main.db')
  for (const file of files) {
    const bytes = readFileSync(join(home, file)).toString('latin1')
    for (const secret of [MARK, KEY, authorization.slice(7, 40)])
      expect([file, bytes.includes(secret)]).toEqual([file, false])
  }
}

describe('the mark is nowhere', () => {
  test.each(Object.keys(replies).filter(name => name !== 'goes-on'))('when the upstream %s', async name => {
    const wire = await ask(`${CHAT}?${name}&${MARK}=${MARK}`, marked(), `{"prompt":"${MARK}"}`)
    await Promise.race([wire.gone(), wire.message()]).catch(() => undefined)
    const [head = '', body = ''] = wire.text.split('\r\n\r\n')
    const ours = /^HTTP\/1\.1 50[24] /.test(head) && !head.includes('x-should-retry')
    expect(ours ? body : '').not.toContain(MARK)
    expect(head.replace(/content-type: .*/i, '')).not.toContain(MARK)
    // What was said to one caller is said to no other, on no other connection.
    const other = await key.sign(claims('somebody-else'))
    for (const line of ['GET /health', 'GET /nowhere', MODELS]) {
      const next = await hurl(gateway.url, requestBytes(line, { authorization: `Bearer ${other}` }))
      expect(next.statuses).toHaveLength(1)
      expect(next.text).not.toContain(MARK)
    }
    expectSilence()
  })

  test('when a client leaves, before the answer and within it', async () => {
    const [before, within] = await Promise.all([
      ask(`${CHAT}?goes-on&${MARK}`, { ...marked(), 'x-stay': '1' }, `{"prompt":"${MARK}"}`),
      ask(`${MODELS}?goes-on&${MARK}`),
    ])
    before.reset()
    await within.seen(MARK)
    within.reset()
    await eventually(() => gateway.output().includes('ending=cancelled'))
    expectSilence()
  })

  test('when a body breaks', async () => {
    for (const body of [`${MARK}\r\n${MARK}`, `5\r\n${MARK}x\r\n0\r\n\r\n`, `5\r\n${MARK}\r\n${MARK}\r\n`]) {
      const headers = { ...marked(), 'transfer-encoding': 'chunked' }
      const wire = await rawRequest(gateway.url, requestBytes(`${CHAT}?${MARK}`, headers, body))
      expect(await wire.gone()).not.toContain(MARK)
    }
    expectSilence()
  })

  test('in any refusal', async () => {
    const bad = await key.sign(claims(MARK, 'other'))
    const expired = await key.sign({ ...claims(MARK), exp: 1 })
    const tokens = [
      MARK,
      `Basic ${MARK}`,
      `Bearer ${MARK}`,
      `Bearer ${MARK}.${MARK}.${MARK}`,
      `Bearer ${part(`{"${MARK}`)}.${part(MARK)}.${MARK}`,
      `Bearer ${part({ alg: MARK, kid: MARK })}.${part({ sub: MARK })}.${part(MARK)}`,
      `Bearer ${part({ alg: 'ES256', kid: MARK, typ: MARK })}.${part(MARK)}.${part(MARK)}`,
      `Bearer ${part({ alg: 'ES256', kid: MARK })}.${part({})}.${part('x'.repeat(64))}`,
      `Bearer ${await key.sign(MARK)}`,
      `Bearer ${await key.sign({ ...claims(MARK), iss: MARK })}`,
      `Bearer ${await key.sign({ ...claims(MARK), aud: MARK })}`,
      `Bearer ${expired}`,
      `Bearer ${bad}`,
      `${authorization}, ${authorization}`,
    ]
    const lines = [
      `GET /${MARK}`,
      `GET /${MARK};x`,
      `GET //${MARK}`,
      `GET /%2e${MARK}%2f`,
      `DELETE /v1/models?${MARK}`,
      `GET http://${MARK}.test/nowhere`,
      `PROPFIND /${MARK}`,
      `GET /health?${MARK}`,
      `HEAD /${MARK}`,
      `${MARK.toUpperCase()} /health`,
    ]
    const asked = [
      ...tokens.map(token => requestBytes(MODELS, marked(token))),
      ...lines.map(line => requestBytes(line, marked())),
      `${MODELS} HTTP/1.1\r\nHost: ${MARK}@x\r\n\r\n`,
      `${MODELS} HTTP/1.1\r\nHost: ${MARK}\r\nHost: ${MARK}\r\n\r\n`,
      `${CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n${MARK}`,
      `${MODELS} HTTP/1.1\r\nHost: x\r\n${MARK}\r\n\r\n`,
      `${MODELS} ${MARK}\r\n\r\n`,
    ]
    for (const answer of await Promise.all(asked.map(bytes => hurl(gateway.url, bytes))))
      expect(answer.text.toLowerCase()).not.toContain(MARK)
    expectSilence()
  })

  test('when neither the upstream nor the issuer can be found', async () => {
    const lost = await run('lost', {
      TINFOIL_BASE_URL: `https://${MARK}-upstream.invalid/${MARK}`,
      JWKS_URL: `https://${MARK}-keys.invalid/${MARK}?${MARK}`,
    })
    await lost.says(/keys_failed/)
    for (const line of [MODELS, 'GET /.well-known/hpke-keys', 'GET /readyz']) {
      const { statuses, text } = await hurl(lost.url, requestBytes(line, marked()))
      expect(statuses[0]).toBeWithin(502, 505)
      expect(text).not.toContain(MARK)
    }
    expectSilence(lost)
    const found = await run('found', { TINFOIL_BASE_URL: `https://${MARK}-upstream.invalid/${MARK}` })
    await found.says(/keys_loaded/)
    const { statuses, text } = await hurl(found.url, requestBytes(`${MODELS}?${MARK}`, marked()))
    expect(statuses).toEqual([502])
    expect(text).not.toContain(MARK)
    expectSilence(found)
  })

  test('nor the words of a fault that nobody foresaw', async () => {
    const broken = await run('broken')
    await broken.says(/keys_loaded/)
    const file = new Database(join(home, 'broken.db'))
    file.run('DROP TABLE limits')
    file.close()
    const { statuses, text } = await hurl(broken.url, requestBytes(`${MODELS}?${MARK}`, marked()))
    expect(statuses[0]).toBeWithin(500, 504)
    expect(text + broken.output()).not.toMatch(/no such table|limits|zebra/)
    expectSilence(broken)
  })

  test('and all that was said of it is that it happened', async () => {
    const output = gateway.output()
    for (const word of ['ending=failed', 'ending=cancelled', 'code=upstream_malformed', 'code=upstream_credentials'])
      expect(output).toContain(word)
    for (const line of output.trimEnd().split('\n'))
      expect(line).toMatch(/^\d{4}-\S+Z (debug|info |warn |error) [a-z_]+( [a-z_]+=\S+( < \S+)*)*$/)
    expect(output).not.toMatch(/method=(?!(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|OTHER) )/)
    gateway.signal('SIGTERM')
    expect(await gateway.exited).toBe(0)
    expectSilence()
  })
})
