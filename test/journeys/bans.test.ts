import { afterEach, describe, expect, test } from 'bun:test'
import { Readable } from 'node:stream'
import { userOwnerOf } from '../../src/protocol/principal.ts'
import { Problem } from '../../src/protocol/problem.ts'
import { tapped } from '../../src/upstream/stream.ts'
import { account } from '../kit/account.ts'
import { runOn } from '../kit/database.ts'
import { engines } from '../kit/engines.ts'
import { type Kit, startGateway } from '../kit/gateway.ts'
import { type Reply, rawRequest, requestBytes } from '../kit/raw.ts'
import { CHAT, CHUNKED, chunk, EMBEDDINGS, eventually, MODELS, stages, unchunk } from '../kit/stage.ts'

const { set, also, clear } = stages()
afterEach(clear)

const holds: Reply = wire => wire.message()
const streams: Reply = async wire => {
  await wire.message()
  await wire.send(CHUNKED + chunk('data: {}\n\n'))
}
const silent: Reply = async wire => {
  await wire.message()
  await wire.send(CHUNKED)
}
const IN_CHUNKS = { 'Transfer-Encoding': 'chunked' }
const FORM = { ...IN_CHUNKS, 'Content-Type': 'multipart/form-data; boundary=x' }
const JSON_BODY = { 'Content-Length': '29' }

/** A gateway where eve may have one request open, and an administrator who may ban her. */
async function banning(reply: Reply) {
  const database = await engines[0]!.fresh()
  const options = {
    database,
    admins: { emails: ['root@example.com'] },
    mockLogin: true,
    concurrent: 1,
    tokenLimit: 1e9,
  }
  const stage = await set(reply, options)
  const [eve, root] = [await account(stage.kit), await account(stage.kit, 'root@example.com')]
  const owner = userOwnerOf(eve.user)
  const ban = (method = 'POST') =>
    root.ask(method, `/admin/owners/${owner}/ban`, method === 'POST' ? { reason: 'Shares it.' } : undefined)
  const slotsOf = async () => (await runOn(database, `SELECT 1 FROM slots WHERE owner = '${owner}'`)).length
  return {
    ...stage,
    ban,
    /** One more process on the same database. */
    elsewhere: async (cloud = {}) => also(await startGateway({ upstream: stage.upstream.url, ...options, ...cloud })),
    asks: (line: string, headers: Record<string, string> = {}, body = '', { url }: Kit = stage.kit) =>
      rawRequest(url, requestBytes(line, { ...eve.headers, ...headers }, body)),
    booked: () =>
      eventually(async () => {
        const rows = await runOn<string | number>(
          database,
          `SELECT status, ending, prompt_tokens FROM ledger WHERE owner = '${owner}'`,
        )
        return rows.length > 0 && rows
      }),
    /** Resolves when she has a request open. */
    holding: () => eventually(async () => (await slotsOf()) > 0),
    /** Resolves when she has none. */
    free: () => eventually(async () => (await slotsOf()) === 0),
  }
}

describe('when its caller is banned', () => {
  test('a stream breaks off, upstream too; what it cost is booked, and its slot is free', async () => {
    const { asks, ban, upstream, booked, free, logged } = await banning(streams)
    const wire = await asks(MODELS)
    await wire.seen('data: {}')
    expect((await ban()).status).toBe(200)
    const body = (await wire.gone()).split('\r\n\r\n').slice(1).join('\r\n\r\n')
    expect(unchunk(body)).toEqual({ text: 'data: {}\n\n', whole: false })
    const up = await upstream.first()
    await up.gone()
    expect(await logged('stream')).toMatchObject([{ ending: 'cancelled' }])
    expect(await logged('owner_cut')).toMatchObject([{ streams: 1 }])
    expect(await booked()).toMatchObject([{ status: 200, ending: 'cancelled' }])
    await free()
    expect((await ban('DELETE')).status).toBe(204)
    await (await asks(MODELS)).seen('data: {}')
  })

  test('one in another process does, as soon as that one reads who is banned', async () => {
    const { asks, ban, elsewhere } = await banning(streams)
    const kit = await elsewhere()
    const wire = await asks(MODELS, {}, '', kit)
    await wire.seen('data: {}')
    await ban()
    await kit.heedBans()
    await wire.gone()
    expect(wire.text).not.toEndWith('0\r\n\r\n')
    const again = await (await asks(MODELS, {}, '', kit)).message()
    expect(again.body).toContain('account_restricted')
  })

  test('one whose client reads nothing gives its slot back', async () => {
    let sent = 0
    const { asks, ban, upstream, free, logged } = await banning(async wire => {
      await wire.message()
      await wire.send(CHUNKED)
      for (; wire.ended === 'open'; sent++) await wire.send(chunk('flood'.repeat(20_000)))
    })
    const wire = await asks(MODELS)
    await wire.seen('flood')
    wire.pause()
    await eventually(async () => {
      const before = sent
      await Bun.sleep(100)
      return sent === before
    })
    const up = await upstream.first()
    await ban()
    await up.gone()
    expect(await logged('stream')).toMatchObject([{ ending: 'cancelled' }])
    await free()
  })

  test('what waits for its answer is told so, and booked as far as it may have cost', async () => {
    const { asks, ban, upstream, booked, free } = await banning(holds)
    const body = '{"model":"m","messages":[{"role":"user","content":"Hello, whoever you are"}]}'
    const wire = await asks(CHAT, { 'Content-Length': String(body.length) }, body)
    const up = await upstream.first()
    await up.seen('Hello')
    await ban()
    const answer = await wire.message()
    expect(answer.head).toStartWith('HTTP/1.1 403 ')
    expect(answer.body).toContain('account_restricted')
    await up.gone()
    const [row] = await booked()
    expect(row).toMatchObject({ status: 403, ending: 'cancelled' })
    expect(row?.['prompt_tokens']).toBeGreaterThan(0)
    await free()
  })

  test('an upload breaks off, upstream too', async () => {
    const { asks, ban, upstream, free } = await banning(holds)
    const wire = await asks(EMBEDDINGS, IN_CHUNKS, chunk('{"input":'))
    const up = await upstream.first()
    await up.seen('{"input":')
    await ban()
    expect((await wire.message()).body).toContain('account_restricted')
    await up.gone()
    expect(up.text).not.toEndWith('0\r\n\r\n')
    await free()
  })

  test.each<[string, Reply, string, Record<string, string>, string]>([
    ['a file', holds, 'POST /v1/files', FORM, '--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfirst'],
    ['a response whose id is not told', silent, 'POST /v1/responses', JSON_BODY, '{"model":"m","input":"first"}'],
  ])('what a backend is to keep breaks off before it is anybody’s: %s', async (_, reply, line, headers, body) => {
    const { asks, ban, upstream, elsewhere } = await banning(reply)
    const kit = await elsewhere({ cloud: upstream.url })
    const wire = await asks(line, headers, headers === FORM ? chunk(body) : body, kit)
    const up = await upstream.first()
    await up.seen('first')
    await ban()
    await kit.heedBans()
    expect((await wire.message()).body).toContain('account_restricted')
    await up.gone()
  })

  test.each<[string, string, Record<string, string>, string]>([
    ['a small one', EMBEDDINGS, { 'Content-Length': '9' }, '0123'],
    ['one in chunks without a first byte', EMBEDDINGS, IN_CHUNKS, ''],
    ['one that is read whole', CHAT, IN_CHUNKS, chunk('{"model":')],
  ])('a body that stops before anything goes up is given up: %s', async (_, line, headers, body) => {
    const { asks, ban, upstream, holding, free } = await banning(holds)
    const wire = await asks(line, headers, body)
    await holding()
    await ban()
    const { head, body: told } = await wire.message()
    expect([head.split(' ')[1], /\r\nconnection: close\r\n/i.test(head)]).toEqual(['403', true])
    expect(told).toContain('account_restricted')
    expect(upstream.wires).toEqual([])
    await free()
  })
})

test('an answer that is cut before anybody watches it breaks off', async () => {
  const source = Object.assign(Readable.from([Buffer.from('short')]), { complete: true })
  const endings: string[] = []
  const signal = AbortSignal.abort(new Problem('account_restricted', 'banned'))
  const body = tapped(source, { now: Date.now, signal, ended: ({ ending }) => endings.push(ending) })
  expect(await Array.fromAsync(body).catch(() => 'broken')).toBe('broken')
  expect([endings, source.destroyed]).toEqual([['cancelled'], true])
})
