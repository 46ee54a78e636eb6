import { Database } from 'bun:sqlite'
import { afterEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { freshDirectory } from '../kit/directory.ts'
import type { Reply, Wire } from '../kit/raw.ts'
import { answerBytes, CHUNKED, chunk, EMBEDDINGS, eventually, MODELS, type Stage, stages } from '../kit/stage.ts'

const { set, clear } = stages()
afterEach(clear)

const LAST = '0\r\n\r\n'
/** Begins an answer to each request and ends it when its wire is told; models are answered at once. */
const streaming: Reply = async wire => {
  for (;;) {
    const { head } = await wire.message()
    await wire.send(head.includes('/models') ? answerBytes('200 OK', {}, 'models') : CHUNKED + chunk('first'))
  }
}
const chat = (stage: Stage) => stage.ask(EMBEDDINGS, { 'Content-Length': '2' }, 'hi')

async function begun(stage: Stage): Promise<Wire> {
  const client = await chat(stage)
  await client.seen('first')
  return client
}

const statusOf = async (wire: Wire) => Number(/ (\d+) /.exec((await wire.message()).head)?.[1])
const models = async ({ get }: Stage) => (await get()).status

describe('a caller with as many requests open as the limit', () => {
  test('is refused the next until one ends', async () => {
    const stage = await set(streaming, { concurrent: 2 })
    const [first] = [await begun(stage), await begun(stage)]
    const refused = await stage.get()
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1'])
    expect(await refused.json()).toEqual({
      error: {
        message: 'Limit of 2 open requests reached: let one end, or leave it, and try again.',
        type: 'rate_limit_error',
        param: null,
        code: 'concurrent_limit_exceeded',
      },
    })
    await stage.upstream.wires[0]?.send(LAST)
    await first?.message()
    expect(await models(stage)).toBe(200)
  })

  test('is let in again after a hang-up', async () => {
    const stage = await set(streaming, { concurrent: 1 })
    const client = await begun(stage)
    expect(await models(stage)).toBe(429)
    client.reset()
    await stage.logged('stream')
    expect(await models(stage)).toBe(200)
  })

  test('is let in again after the upstream broke off', async () => {
    const stage = await set(streaming, { concurrent: 1 })
    await begun(stage)
    stage.upstream.wires[0]?.reset()
    await stage.logged('stream')
    expect(await models(stage)).toBe(200)
  })

  test('is in nobody else’s way, and asks freely what needs no token', async () => {
    const stage = await set(streaming, { concurrent: 1 })
    await begun(stage)
    expect((await stage.get({ headers: await stage.kit.bearer('bob') })).status).toBe(200)
    for (const path of ['/health', '/readyz', '/docs']) expect((await fetch(stage.kit.url + path)).status).toBe(200)
  })
})

test('two gateways on one file share a caller’s limit', async () => {
  const path = join(freshDirectory(), 'sealgate.db')
  const one = await set(streaming, { concurrent: 2, path })
  const { issuer } = one.kit
  const other = await set(streaming, { concurrent: 2, path, jwksUrl: issuer.jwksUrl })
  const bearer = await one.kit.bearer()
  await begun(one)
  const client = await other.ask(EMBEDDINGS, { ...bearer, 'Content-Length': '2' }, 'hi')
  await client.seen('first')
  expect([await models(one), (await other.get({ headers: bearer })).status]).toEqual([429, 429])
  client.reset()
  await other.logged('stream')
  expect(await models(one)).toBe(200)
})

/** Cuts the first request of a wire, refuses the next two, answers the fourth, and so on. */
const odd: Reply = async (wire, index) => {
  for (let at = index; ; at++) {
    await wire.message()
    if (at % 4 === 0) return wire.reset()
    if (at % 4 === 1) await wire.send(answerBytes('422 Unprocessable', {}, 'no'))
    if (at % 4 === 2) await wire.send(answerBytes('503 Unavailable', {}, 'no'))
    if (at % 4 === 3) await wire.send(`${CHUNKED}${chunk('first')}${LAST}`)
  }
}

const PLENTY = { rpm: 60_000, burst: 1000 }
test.each([
  ['rate_limited', { rpm: 60, burst: 10 }],
  ['concurrent_limit_exceeded', PLENTY],
  ['overloaded', { ...PLENTY, maxInFlight: 2 }],
])('no slot is lost by requests that are refused (%s), fail, or are left at any moment', async (code, bounds) => {
  const path = join(freshDirectory(), 'sealgate.db')
  const stage = await set(odd, { concurrent: 3, maxBodyBytes: 100, path, ...bounds })
  const file = new Database(path)
  const rows = () => file.query<{ count: number }, []>('SELECT count(*) AS count FROM slots').get()?.count
  for (let round = 0; round < 8; round++) {
    const clients = await Promise.all([
      ...Array.from({ length: 4 }, () => stage.ask(MODELS)),
      stage.ask(EMBEDDINGS, { 'Content-Length': '101' }, 'x'),
      stage.ask(EMBEDDINGS, { 'Transfer-Encoding': 'chunked' }, chunk('x'.repeat(101))),
      stage.ask(EMBEDDINGS, { 'Content-Length': '9' }, 'x'),
    ])
    // Another process's: of three slots one is left, and who asks for more waits and is refused.
    for (const number of [2, 3])
      file.run("INSERT OR IGNORE INTO slots SELECT owner, ?, 'other', 9e15 FROM limits", [number])
    await Bun.sleep(round * 5)
    for (const client of clients) client.reset()
  }
  file.run("DELETE FROM slots WHERE process = 'other'")
  await eventually(() => rows() === 0, 'no row to be left')
  file.close()
  expect(stage.kit.lines.filter(line => JSON.parse(line).code === code)).not.toEqual([])
  if (code === 'rate_limited') return
  // The last that were left may still be waiting; what leaked would be in the way for ever.
  const texts = async () => Promise.all([stage.get(), stage.get()].map(async answer => (await answer).text()))
  let last = await texts()
  for (let tries = 0; tries < 40 && String(last).includes(code); tries++) {
    await Bun.sleep(25)
    last = await texts()
  }
  expect(String(last)).not.toContain(code)
})

test('a gateway that forwards as much as it may refuses more with 503, and lives', async () => {
  const stage = await set(streaming, { maxInFlight: 2 })
  const clients = [await begun(stage), await begun(stage)]
  const refused = await stage.get({ headers: await stage.kit.bearer('bob') })
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
  expect(await refused.json()).toMatchObject({ error: { code: 'overloaded', type: 'server_error' } })
  for (const path of ['/health', '/readyz', '/docs', '/api-docs/openapi.json'])
    expect((await fetch(stage.kit.url + path)).status).toBe(200)
  clients[0]?.reset()
  await stage.logged('stream')
  expect(await models(stage)).toBe(200)
  expect(await models(stage)).toBe(200)
})

test.each([
  ['without a body', MODELS, {}, ''],
  ['amid a body of a known length', EMBEDDINGS, { 'Content-Length': '9' }, 'x'],
  ['amid a long body', EMBEDDINGS, { 'Content-Length': '90000' }, 'x'],
  ['amid chunks', EMBEDDINGS, { 'Transfer-Encoding': 'chunked' }, chunk('x')],
])('a client that leaves %s while it waits for a slot leaves none behind', async (_, line, headers, body) => {
  const path = join(freshDirectory(), 'sealgate.db')
  const stage = await set(streaming, { concurrent: 1, path })
  const file = new Database(path)
  const rows = () => file.query<{ process: string }, []>('SELECT process FROM slots').all()
  expect(await models(stage)).toBe(200)
  file.run("UPDATE slots SET process = 'other', expires_at = 9000000000000000")
  // What it has in memory is lost, and after a moment it knows.
  await Bun.sleep(200)
  const client = await stage.ask(line, headers, body)
  await Bun.sleep(40)
  client.reset()
  file.run("DELETE FROM slots WHERE process = 'other'")
  const [, left] = await stage.logged('request', 2)
  expect([left?.status, left?.code]).toEqual([499, 'client_gone'])
  await eventually(() => rows().length === 0, 'its row to go')
  expect(await models(stage)).toBe(200)
  file.close()
})

test('a body that is refused for its length, its seal or its stall holds no slot', async () => {
  const stage = await set(streaming, { concurrent: 1, maxBodyBytes: 10, plaintext: false, patience: { bodyMs: 50 } })
  const sealed = { 'Ehbp-Encapsulated-Key': 'ab'.repeat(32) }
  const statuses = [
    await statusOf(await stage.ask(EMBEDDINGS, { ...sealed, 'Content-Length': '11' }, 'hello')),
    await statusOf(await stage.ask(EMBEDDINGS, { 'Content-Length': '2' }, 'hi')),
    await statusOf(await stage.ask(EMBEDDINGS, { ...sealed, 'Content-Length': '9' }, 'hi')),
    await models(stage),
  ]
  expect(statuses).toEqual([413, 400, 408, 200])
})
