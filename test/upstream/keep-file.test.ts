import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { Exchange } from '../../src/protocol/exchange.ts'
import { requestIdFrom } from '../../src/protocol/ids.ts'
import { Problem } from '../../src/protocol/problem.ts'
import { Secret } from '../../src/protocol/secret.ts'
import { makings as rows } from '../../src/store/schema.ts'
import { fixed, openai } from '../../src/upstream/backends.ts'
import { cooldown } from '../../src/upstream/cooldown.ts'
import { giving } from '../../src/upstream/giving.ts'
import { keepFile } from '../../src/upstream/keep-file.ts'
import { makings } from '../../src/upstream/makings.ts'
import { onBehalf } from '../../src/upstream/on-behalf.ts'
import { type CloudGateway, cloudGateways, DUE_MS, wrongIn } from '../kit/books.ts'
import { clockAt } from '../kit/clock.ts'
import { openTest } from '../kit/database.ts'
import { engines } from '../kit/engines.ts'
import { startGateway } from '../kit/gateway.ts'
import { fileForm } from '../kit/owning.ts'
import { outcome } from '../kit/problem.ts'
import { type Reply, rawRequest, rawUpstream, requestBytes } from '../kit/raw.ts'
import { answerBytes, eventually } from '../kit/stage.ts'

const { start, clear } = cloudGateways()
afterAll(clear)

const UPLOAD = 'POST /v1/files'
const ON = 'POST files'
const GONE = 'DELETE files/{id}'

describe.each(engines)('on $name', ({ fresh, run }) => {
  let [url, at] = ['', undefined as unknown as CloudGateway]
  beforeAll(async () => {
    url = await fresh()
    at = await start(url)
  })

  const upload = async (init: RequestInit = {}, { ask } = at) => {
    const answer = await ask(UPLOAD, { body: fileForm(), ...init })
    return { status: answer.status, code: Object(await answer.json()).error?.code }
  }
  const inTheEnd = async ({ clock, kit, cloud } = at) => {
    clock.pass(DUE_MS)
    await kit.reconcile()
    return wrongIn(url, cloud)
  }

  test.each([
    ['is lost after it', { cut: 'after' as const }, 502],
    ['is lost before it', { cut: 'before' as const }, 502],
    ['is a fault of the server’s', { status: 500 }, 500],
  ])('where the answer to an upload %s, its key is asked about, and what comes of it goes', async (_, turn, status) => {
    at.cloud.next({ on: ON, ...turn })
    expect((await upload()).status).toBe(status)
    expect((await at.books()).makings).toBe(1)
    expect(await inTheEnd()).toEqual({})
  })

  test('what the backend refuses leaves nothing to be done', async () => {
    at.cloud.next({ on: ON, status: 413 })
    expect((await upload()).status).toBe(413)
    expect((await at.books()).makings).toBe(0)
  })

  test('what cannot be given to its uploader is deleted at once, or later where the backend is down by then', async () => {
    for (const turn of [{ times: 0 }, { cut: 'before' as const }]) {
      const before = at.cloud.ids('files')
      at.cloud.next({ on: ON, after: () => run(url, 'ALTER TABLE files RENAME TO away') })
      at.cloud.next({ on: GONE, ...turn })
      expect(await upload()).toEqual({ status: 503, code: 'database_unavailable' })
      await run(url, 'ALTER TABLE away RENAME TO files')
      expect(at.cloud.ids('files').length - before.length).toBe(turn.cut ? 1 : 0)
      expect(await inTheEnd()).toEqual({})
    }
  })

  test('it is the caller’s though they leave before the answer', async () => {
    const [asked, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const after = () => {
      asked.resolve()
      return goOn.promise
    }
    at.cloud.next({ on: ON, after })
    const leaving = new AbortController()
    const form = fileForm()
    form.set('more', 'x'.repeat(200_000))
    const gone = at.ask(UPLOAD, { body: form, signal: leaving.signal }).catch(() => undefined)
    await asked.promise
    leaving.abort()
    await gone
    goOn.resolve()
    const id = at.cloud.ids('files').at(-1) ?? ''
    await eventually(async () => (await at.books()).owned.includes(id))
  })

  test('of a backend that does not heed the key what is lost is told of, and no file goes by guess', async () => {
    const database = await fresh()
    const forgetful = await start(database, { stand: { isForgetful: true } })
    const { cloud, kit, clock } = forgetful
    expect((await upload({}, forgetful)).status).toBe(201)
    cloud.next({ on: ON, cut: 'after' })
    expect((await upload({}, forgetful)).status).toBe(502)
    clock.pass(DUE_MS)
    await kit.reconcile()
    expect(await wrongIn(database, cloud)).toEqual({ lost: cloud.ids('files').slice(1) })
    expect(kit.lines.filter(line => line.includes('making_lost'))).toHaveLength(1)
  })

  test('while it goes on nobody takes its making up, and a process that stood still finds it taken', async () => {
    const [store, clock] = [await openTest(await fresh()), clockAt()]
    const backend = openai('http://127.0.0.1:1/v1', fixed(new Secret('')))
    const ask = async () => new Response()
    const [resting, sent] = [cooldown(clock.now), Promise.withResolvers<never>()]
    const [identityKey, log] = [new Uint8Array(32), () => undefined]
    const things = makings({ store, now: clock.now })
    const keep = keepFile({
      ...{ backend, makings: things, giving: giving({ ask, makings: things, identityKey, log }), log },
      ...{ onBehalf: onBehalf({ backend, cooldown: resting, ask }), cooldown: resting },
      ...{ handOver: () => sent.promise, maxFileBytes: 10, stallMs: 1000, renewMs: 1 },
    })
    const headers = { 'content-type': 'multipart/form-data; boundary=x' }
    const request = new Request('http://gateway.test/v1/files', { method: 'POST', body: 'x', headers })
    const kept = keep(request, new Exchange(requestIdFrom(null), 0), () => [])
    const dueAt = async () => (await store.db.select().from(rows).prepare().execute())[0]?.dueAt
    for (let minutes = 0; minutes < 3; minutes++) {
      await eventually(async () => (await dueAt()) === clock.now() + DUE_MS)
      clock.pass(DUE_MS - 1)
      expect(await things.due()).toEqual([])
    }
    const [making] = await store.db.select().from(rows).prepare().execute()
    expect(await things.take(making!, 1)).toBe(true)
    await things.renew(making!)
    expect(await dueAt()).toBe(1)
    sent.reject(new Problem('upstream_unreachable', ''))
    // Nobody was reached, so nothing was made.
    expect([await outcome(() => kept), await dueAt()]).toEqual(['upstream_unreachable', undefined])
    await store.close()
  })
})

describe('a form', () => {
  const running: { stop(): Promise<void> }[] = []
  afterEach(async () => {
    for (const part of running.splice(0)) await part.stop()
  })

  async function before(reply: Reply, options: { maxFileBytes?: number } = {}) {
    const database = (await engines[0]?.fresh()) ?? ''
    const upstream = await rawUpstream(reply)
    const cloud = upstream.url
    const kit = await startGateway({ upstream: cloud, isSealing: false, cloud, database, maxBodyBytes: 9, ...options })
    running.push(kit, upstream)
    const ask = async (headers: Record<string, string>, body = '') => {
      const type = { 'Content-Type': 'multipart/form-data; boundary=x' }
      return rawRequest(kit.url, requestBytes(UPLOAD, { ...(await kit.bearer()), ...type, ...headers }, body))
    }
    const makings = async () => (await engines[0]?.run(database, 'SELECT id FROM makings'))?.length
    return { upstream, ask, makings, kit }
  }
  const LONG = { 'Content-Length': '100000' }
  const quiet: Reply = wire => wire.seen('never')

  test('goes up as it comes, each piece before the next is sent, and longer than other bodies may be', async () => {
    const made = answerBytes('201 Created', { 'Content-Type': 'application/json' }, '{"id":"file-1"}')
    const { upstream, ask, makings } = await before(async wire => {
      await wire.until(() => wire.size > 100_000)
      await wire.send(made)
    })
    const client = await ask(LONG)
    for (const part of ['one', 'two', 'three']) {
      await client.send(part)
      const wire = await upstream.first()
      await wire.until(() => wire.text.endsWith(part))
    }
    expect(await makings()).toBe(1)
    await client.send('x'.repeat(100_000 - 11))
    expect((await client.message()).head).toStartWith('HTTP/1.1 201')
    const { text } = await upstream.first()
    expect(text).toMatch(/\r\ncontent-length: 100000\r\n/i)
    expect(text).toMatch(/\r\nidempotency-key: [\da-f-]{36}\r\n/i)
    expect(await makings()).toBe(0)
  })

  test('that its client breaks off lets the upstream go, and is asked about, for it may have been whole', async () => {
    const { upstream, ask, makings, kit } = await before(quiet)
    const client = await ask(LONG, 'some')
    const wire = await upstream.first()
    await wire.seen('some')
    client.reset()
    await wire.gone()
    expect(await makings()).toBe(1)
    await eventually(() => kit.lines.some(line => line.includes('client_gone')))
  })

  test.each([
    ['by its length', { 'Content-Length': '11' }, ''],
    ['by its bytes', { 'Transfer-Encoding': 'chunked' }, 'b\r\n0123456789x\r\n'],
  ])('that is too long %s is refused, and nothing is left to be done', async (_, headers, body) => {
    const { upstream, ask, makings } = await before(quiet, { maxFileBytes: 10 })
    const client = await ask(headers, body)
    expect((await client.message()).head).toStartWith('HTTP/1.1 413')
    expect(upstream.wires).toEqual([])
    expect(await makings()).toBe(0)
  })

  test('that turns out to be too long on its way up is broken off', async () => {
    const { upstream, ask } = await before(quiet, { maxFileBytes: 10 })
    const client = await ask({ 'Transfer-Encoding': 'chunked' }, '1\r\nx\r\n')
    const wire = await upstream.first()
    await wire.seen('x')
    await client.send('a\r\n0123456789\r\n')
    expect((await client.message()).head).toStartWith('HTTP/1.1 413')
    await wire.gone()
    expect(wire.text).not.toContain('0\r\n\r\n')
  })

  test('that the backend refuses amid it gets that answer, and is not read on', async () => {
    const refusal = answerBytes('413 Too Large', { 'Content-Type': 'application/json' }, '{"error":{}}')
    const { upstream, ask, makings } = await before(async wire => {
      await wire.seen('some')
      await wire.send(refusal)
      await wire.gone()
    })
    const client = await ask(LONG, 'some')
    expect(await client.message()).toMatchObject({
      head: expect.stringMatching(/^HTTP\/1.1 413/),
      body: '{"error":{}}',
    })
    await (await upstream.first()).gone()
    expect(await makings()).toBe(0)
  })

  test.each([
    ['breaks off', 'HTTP/1.1 201 Created\r\nContent-Length: 20\r\n\r\n{"id":', 502, 'upstream_unreachable'],
    ['is no HTTP', 'HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n', 502, 'upstream_malformed'],
    ['has no end', `HTTP/1.1 201 Created\r\n\r\n${'x'.repeat(1_100_000)}`, 502, 'upstream_malformed'],
  ])('whose answer %s may have been kept, and is asked about', async (_, bytes, status, code) => {
    const { ask, makings } = await before(async wire => {
      await wire.seen('--x--')
      await wire.send(bytes)
      wire.fin()
    })
    const client = await ask({ 'Content-Length': '5' }, '--x--')
    const { head, body } = await client.message()
    expect([head.slice(9, 12), JSON.parse(body).error.code]).toEqual([String(status), code])
    expect(await makings()).toBe(1)
  })
})
