import { afterEach, describe, expect, test } from 'bun:test'
import { createTransport } from 'ehbp'
import { standInEnclave } from '../../src/dev/enclave.ts'
import { INFERENCE } from '../../src/protocol/routes.ts'
import { engines } from '../kit/engines.ts'
import { startGateway, UPSTREAM_KEY } from '../kit/gateway.ts'
import type { Wire } from '../kit/raw.ts'
import { askReceipt, headerIn, passed, receiptOf } from '../kit/receipts.ts'
import { spyOn } from '../kit/spy.ts'
import { answerBytes, CHAT, CHUNKED, chunk, EMBEDDINGS, stages, unchunk } from '../kit/stage.ts'

const { set, also, clear } = stages()
afterEach(clear)

const QUESTION = JSON.stringify({ model: 'any', messages: [{ role: 'user', content: 'Hello' }] })
const JSON_TYPE = { 'content-type': 'application/json' }
const EVENTS = ['data: {"id":"chatcmpl-1"}\n\n', 'data: [DONE]\n\n']
const LAST = '0\r\n\r\n'
const sized = (body: string) => ({ 'content-length': String(body.length) })
const bodyOf = (wire: Wire) => wire.text.slice(wire.text.indexOf('\r\n\r\n') + 4)

describe('a receipt says what went over the wire, to the byte,', () => {
  test('of an answer in one piece', async () => {
    const { post, kit } = await set(answerBytes('200 OK', JSON_TYPE, '{"model":"small"}'))
    const answer = await post(QUESTION)
    const text = await answer.text()
    expect((await receiptOf(kit, answer.headers.get('x-receipt-id'))).says).toMatchObject({
      ...{ method: 'POST', route: '/v1/chat/completions', status: 200, ending: 'complete', code: null },
      ...{ backend: 'tinfoil', request: passed(QUESTION), response: passed(text) },
    })
  })

  test('of a stream', async () => {
    const { ask, kit } = await set(async wire => {
      await wire.message()
      for (const piece of [CHUNKED, ...EVENTS.map(chunk), LAST]) {
        await wire.send(piece)
        await Bun.sleep(5)
      }
    })
    const client = await ask(CHAT, sized(QUESTION), QUESTION)
    const { head, body } = await client.message()
    expect(unchunk(body).text).toBe(EVENTS.join(''))
    expect((await receiptOf(kit, headerIn(head, 'x-receipt-id'))).says).toMatchObject({
      ...{ ending: 'complete', request: passed(QUESTION), response: passed(EVENTS.join('')) },
    })
  })

  test('of a compressed answer, as it came', async () => {
    const packed = Buffer.from(Bun.gzipSync('{"model":"small"}')).toString('latin1')
    const { ask, kit } = await set(answerBytes('200 OK', { ...JSON_TYPE, 'content-encoding': 'gzip' }, packed))
    const { head, body } = await (await ask(EMBEDDINGS, sized('{}'), '{}')).message()
    expect(body).toBe(packed)
    expect((await receiptOf(kit, headerIn(head, 'x-receipt-id'))).says.response).toEqual(passed(packed))
  })

  test('of a body that was sent in chunks, and of none at all', async () => {
    const { ask, kit } = await set(answerBytes('200 OK', JSON_TYPE, '{}'))
    const chunked = { 'transfer-encoding': 'chunked' }
    for (const [headers, wire, body] of [
      [chunked, `${chunk('Hello, ')}${chunk('there')}${LAST}`, 'Hello, there'],
      [chunked, LAST, ''],
      [{ 'content-length': '0' }, '', ''],
    ] as const) {
      const { head } = await (await ask(EMBEDDINGS, { ...headers }, wire)).message()
      expect((await receiptOf(kit, headerIn(head, 'x-receipt-id'))).says.request).toEqual(passed(body))
    }
  })

  test('of answers without a body', async () => {
    const { ask, kit } = await set('HTTP/1.1 204 No Content\r\n\r\n')
    const { head } = await (await ask(EMBEDDINGS, sized('{}'), '{}')).message()
    const looked = await ask('HEAD /v1/models')
    await looked.seen('\r\n\r\n')
    expect((await receiptOf(kit, headerIn(head, 'x-receipt-id'))).says).toMatchObject({
      status: 204,
      response: passed(''),
    })
    expect((await receiptOf(kit, headerIn(looked.text, 'x-receipt-id'))).says).toMatchObject({
      ...{ method: 'HEAD', request: passed(''), response: passed('') },
    })
  })

  test('of a refusal, by us or by the backend', async () => {
    const { ask, kit } = await set(answerBytes('400 Bad Request', JSON_TYPE, '{"error":{}}'))
    const twice = '{"model":1,"model":2}'
    for (const [body, more] of [
      [twice, { code: 'malformed_json', backend: 'tinfoil', status: 400 }],
      [QUESTION, { code: null, status: 400 }],
    ] as const) {
      const { head, body: answer } = await (await ask(CHAT, sized(body), body)).message()
      expect((await receiptOf(kit, headerIn(head, 'x-receipt-id'))).says).toMatchObject({
        ...{ request: passed(body), response: passed(answer), ...more },
      })
    }
  })

  test('of a refused HEAD', async () => {
    const { ask, kit } = await set('', { base: () => 'http://127.0.0.1:1' })
    const client = await ask('HEAD /v1/models')
    await client.seen('\r\n\r\n')
    expect((await receiptOf(kit, headerIn(client.text, 'x-receipt-id'))).says).toMatchObject({
      ...{ status: 502, code: 'upstream_unreachable', response: passed('') },
    })
  })

  test('of a body that was too long, as far as it was read', async () => {
    const { ask, kit } = await set(answerBytes('200 OK', JSON_TYPE, '{}'), { maxBodyBytes: 10 })
    const told = await ask(EMBEDDINGS, { 'content-length': '11' }, 'x'.repeat(11))
    const untold = await ask(EMBEDDINGS, { 'transfer-encoding': 'chunked' }, chunk('x'.repeat(11)))
    for (const [client, read] of [
      [told, ''],
      [untold, 'x'.repeat(11)],
    ] as const) {
      const { head, body } = await client.message()
      expect((await receiptOf(kit, headerIn(head, 'x-receipt-id'))).says).toMatchObject({
        ...{ code: 'body_too_large', status: 413, request: passed(read, false), response: passed(body) },
      })
    }
  })

  test('of a body where none belongs, which nobody reads', async () => {
    const { ask, kit } = await set(answerBytes('200 OK', JSON_TYPE, '{}'))
    for (const [headers, wire] of [
      [sized('Hello'), 'Hello'],
      [{ 'transfer-encoding': 'chunked' }, chunk('Hello') + LAST],
    ] as const) {
      const { head } = await (await ask('GET /v1/models', { ...headers }, wire)).message()
      expect((await receiptOf(kit, headerIn(head, 'x-receipt-id'))).says.request).toEqual(passed('', false))
    }
  })

  test('of a stream that its backend breaks off', async () => {
    const { ask, kit } = await set(async wire => {
      await wire.message()
      await wire.send(CHUNKED + chunk('half of '))
      await Bun.sleep(20)
      wire.reset()
    })
    const client = await ask(CHAT, sized(QUESTION), QUESTION)
    await client.gone()
    const { says } = await receiptOf(kit, headerIn(client.text, 'x-receipt-id'))
    expect(says).toMatchObject({ ending: 'failed', status: 200, response: passed(unchunk(bodyOf(client)).text, false) })
  })

  test('of one that its client leaves', async () => {
    const { ask, kit } = await set(async wire => {
      await wire.message()
      await wire.send(CHUNKED + chunk('half of '))
    })
    const client = await ask(CHAT, sized(QUESTION), QUESTION)
    await client.seen('half of ')
    client.reset()
    const { says } = await receiptOf(kit, headerIn(client.text, 'x-receipt-id'))
    expect(says).toMatchObject({ ending: 'cancelled', request: passed(QUESTION), response: passed('half of ', false) })
  })

  test('of a sealed question and its sealed answer: of what was sealed', async () => {
    const enclave = also(await standInEnclave({ key: UPSTREAM_KEY, pace: 0 }))
    const kit = also(await startGateway({ upstream: enclave.url }))
    const between = also(await spyOn(kit.url))
    const transport = await createTransport(between.url)
    const before = between.connections.length
    const answer = await transport.post(`${between.url}/v1/chat/completions`, QUESTION, { headers: await kit.bearer() })
    await answer.text()
    const ways = between.connections.slice(before ? before - 1 : 0)
    const sent = lastBody(Buffer.concat(ways.flatMap(({ up }) => up)))
    const got = lastBody(Buffer.concat(ways.flatMap(({ down }) => down)))
    const { says } = await receiptOf(kit, answer.headers.get('x-receipt-id'))
    expect(says).toMatchObject({ request: passed(sent), response: passed(got) })
    expect(sent).not.toContain('Hello')
  })
})

/** The body of the last of some HTTP messages, one character a byte. */
function lastBody(bytes: Buffer): string {
  const text = bytes.toString('latin1')
  const starts = [...text.matchAll(/(POST \/\S+ HTTP\/1\.1|HTTP\/1\.1 200 OK)\r\n/g)]
  const message = text.slice(starts.at(-1)?.index)
  const body = message.slice(message.indexOf('\r\n\r\n') + 4)
  return /\r\ntransfer-encoding: chunked/i.test(message) ? unchunk(body).text : body
}

describe('there is none', () => {
  test('of what a limit refuses, nor of what comes without a good token, nor of a look at receipts', async () => {
    const { kit, post } = await set(answerBytes('200 OK', JSON_TYPE, '{}'), { rpm: 60, burst: 2 })
    const answer = await post(QUESTION)
    const id = answer.headers.get('x-receipt-id')
    const nobody = await fetch(`${kit.url}/v1/models`)
    const look = await askReceipt(kit, id)
    const late = await post(QUESTION)
    expect([nobody, look, late].map(({ status, headers }) => [status, headers.get('x-receipt-id')])).toEqual([
      [401, null],
      [200, null],
      [429, null],
    ])
  })

  test('where the operator keeps them for no day', async () => {
    const { post, kit } = await set(answerBytes('200 OK', JSON_TYPE, '{}'), { receiptDays: 0 })
    expect((await post(QUESTION)).headers.has('x-receipt-id')).toBe(false)
    expect((await askReceipt(kit, `rcpt_${'0'.repeat(64)}`)).status).toBe(404)
  })
})

test('every inference route gives one, whatever is asked', async () => {
  const { kit } = await set(answerBytes('200 OK', JSON_TYPE, '{}'))
  for (const { method, path } of INFERENCE) {
    const body = method === 'POST' ? '{}' : null
    const answer = await fetch(kit.url + path, { method, body, headers: await kit.bearer() })
    const bytes = await answer.bytes()
    const { says } = await receiptOf(kit, answer.headers.get('x-receipt-id'))
    expect(says).toMatchObject({ method, route: path, request: passed(body ?? ''), response: passed(bytes) })
  }
})

describe.each(engines)('on $name', ({ fresh, run }) => {
  test('a receipt is not ready while its answer flows, here and at another gateway, and then at both', async () => {
    const end = Promise.withResolvers<void>()
    const database = await fresh()
    const reply = async (wire: Wire) => {
      await wire.message()
      await wire.send(CHUNKED + chunk('half of '))
      await end.promise
      await wire.send(chunk('it') + LAST)
    }
    const { ask, kit } = await set(reply, { database })
    const other = also(await startGateway({ upstream: 'http://127.0.0.1:1', database, jwksUrl: kit.issuer.jwksUrl }))
    const client = await ask(CHAT, sized(QUESTION), QUESTION)
    await client.seen('half of ')
    const id = headerIn(client.text, 'x-receipt-id')
    const theirs = async () => fetch(`${other.url}/v1/receipts/${id}`, { headers: await kit.bearer() })
    for (const early of [await askReceipt(kit, id), await theirs()]) {
      expect([early.status, early.headers.get('retry-after')]).toEqual([425, '1'])
      expect(await early.json()).toMatchObject({ error: { code: 'receipt_not_ready' } })
    }
    end.resolve()
    await client.until(text => text.endsWith(LAST))
    const { answer, says } = await receiptOf(kit, id)
    expect(says).toMatchObject({ response: passed('half of it') })
    expect(await (await theirs()).text()).toBe(answer)
  })

  test('what is kept of it tells nothing, and stands beside the row of the ledger', async () => {
    const database = await fresh()
    const { post, kit } = await set(answerBytes('200 OK', JSON_TYPE, '{}'), { database })
    const id = (await post(QUESTION)).headers.get('x-receipt-id')
    const refused = await post('{"model":1,"model":2}')
    await kit.ledger.flush()
    const rows = await run(database, 'SELECT id, content FROM receipts ORDER BY id')
    expect(rows.map(row => row['id'])).toEqual([id, refused.headers.get('x-receipt-id')])
    expect(JSON.stringify(rows)).not.toContain(passed(QUESTION).sha256)
    expect(await run(database, 'SELECT status FROM ledger')).toEqual([{ status: 200 }])
  })
})
