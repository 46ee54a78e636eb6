import { afterEach, describe, expect, test } from 'bun:test'
import { standInEnclave } from '../../src/dev/enclave.ts'
import { UPSTREAM_KEY } from '../kit/gateway.ts'
import { held } from '../kit/memory.ts'
import { type Reply, rawRequest, requestBytes, type Wire } from '../kit/raw.ts'
import { spyOn } from '../kit/spy.ts'
import { answerBytes, CHUNKED, chunk, EMBEDDINGS, eventually, MODELS, stages, unchunk } from '../kit/stage.ts'

const { set, also, clear } = stages()
afterEach(clear)

const LAST = '0\r\n\r\n'
const bodyOf = (wire: Wire) => unchunk(wire.text.slice(wire.text.indexOf('\r\n\r\n') + 4))

/** Answers with these bytes once asked, then does the rest. */
function then(bytes: string, rest: (wire: Wire) => unknown): Reply {
  return async wire => {
    await wire.message()
    await wire.send(bytes)
    await rest(wire)
  }
}
const fin = (wire: Wire) => wire.fin()
const reset = (wire: Wire) => wire.reset()
const later = (act: (wire: Wire) => unknown) => async (wire: Wire) => {
  await Bun.sleep(50)
  await act(wire)
}

describe('an answer that breaks is never seen to end', () => {
  const sized = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'
  const bad = `zz\r\nok\r\n${LAST}`
  const broken: Record<string, Reply> = {
    'a FIN before the length, at once': then(`${sized}short`, fin),
    'a FIN before the length': then(`${sized}short`, later(fin)),
    'a FIN before the first byte': then(sized, later(fin)),
    'a reset before the length': then(`${sized}short`, later(reset)),
    'a reset before the first byte': then(sized, later(reset)),
    'a FIN between chunks': then(CHUNKED + chunk('short'), later(fin)),
    'a FIN within a chunk': then(`${CHUNKED}a\r\nshort`, later(fin)),
    'a FIN within the last chunk': then(`${CHUNKED}${chunk('short')}0\r\n`, later(fin)),
    'a reset between chunks': then(CHUNKED + chunk('short'), later(reset)),
    'a bad chunk': then(
      CHUNKED + chunk('short'),
      later(wire => wire.send(bad)),
    ),
    'a chunk longer than it said': then(
      CHUNKED + chunk('short'),
      later(wire => wire.send(`2\r\nlong\r\n${LAST}`)),
    ),
    'a chunk without its line end': then(
      CHUNKED + chunk('short'),
      later(wire => wire.send(`2\r\nok${LAST}`)),
    ),
    'a reset of a body without framing': then('HTTP/1.1 200 OK\r\n\r\nshort', later(reset)),
  }
  test.each(Object.entries(broken))('by %s', async (_, reply) => {
    const { ask, logged, upstream } = await set(reply)
    const client = await ask(MODELS)
    await client.gone()
    const length = /content-length: (\d+)/i.exec(client.text)?.[1]
    if (length) expect(client.text.split('\r\n\r\n')[1]?.length ?? 0).toBeLessThan(Number(length))
    else expect(bodyOf(client).whole).toBe(false)
    expect(await logged('stream')).toMatchObject([{ level: 'error', ending: 'failed' }])
    await (await upstream.first()).gone()
  })

  test('by a bad chunk that came with the headers, which may be a 502 as well', async () => {
    const { ask } = await set(then(CHUNKED + chunk('short') + bad, () => undefined))
    const client = await ask(MODELS)
    await client.until(text => text.includes('upstream_malformed') || client.ended !== 'open').catch(() => '')
    if (!client.text.startsWith('HTTP/1.1 502 ')) expect(bodyOf(client).whole).toBe(false)
  })

  test('and an HTTP client throws', async () => {
    for (const reply of [broken['a FIN before the length'], broken['a FIN between chunks']]) {
      const { get } = await set(reply ?? '')
      expect(await (await get()).text().catch(() => 'thrown')).toBe('thrown')
    }
  })
})

describe('an answer arrives whole', () => {
  test('with its length, if all of it comes with its headers', async () => {
    const head = CHUNKED.replace('\r\n\r\n', '\r\nContent-Type: text/plain\r\n\r\n')
    const { ask, logged } = await set(then(head + chunk('in a ') + chunk('packet') + LAST, () => undefined))
    const { head: told, body } = await (await ask(MODELS)).message()
    expect(told.toLowerCase().match(/content-length: \d+|transfer-encoding/g)).toEqual(['content-length: 11'])
    expect(body).toBe('in a packet')
    expect(await logged('stream')).toMatchObject([{ ending: 'complete', bytes: 11 }])
  })

  test('that ends with its connection', async () => {
    for (const version of ['HTTP/1.0', 'HTTP/1.1']) {
      const { get, logged } = await set(then(`${version} 200 OK\r\n\r\nto the end`, later(fin)))
      expect(await (await get()).text()).toBe('to the end')
      expect(await logged('stream')).toMatchObject([{ ending: 'complete', bytes: 10 }])
    }
  })

  test('in 20,000 chunks of a byte', async () => {
    const bytes = Buffer.from(Array.from({ length: 20_000 }, (_, i) => (i * 7919) % 251))
    const wired = [...bytes].map(byte => chunk(String.fromCharCode(byte))).join('')
    const { get, logged } = await set(async wire => {
      await wire.message()
      await wire.send(CHUNKED)
      for (let at = 0; at < wired.length; at += 997) await wire.send(wired.slice(at, at + 997))
      await wire.send(LAST)
    })
    expect(Buffer.from(await (await get()).arrayBuffer()).equals(bytes)).toBe(true)
    expect(await logged('stream')).toMatchObject([{ ending: 'complete', bytes: 20_000 }])
  })

  test('split at every byte', async () => {
    const wired = `${CHUNKED}${chunk('data: a\n\n')}5;name="value"\r\nhello\r\n0\r\nX-Trailer: t\r\n\r\n`
    const { get } = await set(async wire => {
      await wire.message()
      for (const byte of wired) {
        await wire.send(byte)
        await Bun.sleep(0)
      }
    })
    const answer = await get()
    expect(await answer.text()).toBe('data: a\n\nhello')
    expect(answer.headers.has('x-trailer')).toBe(false)
  })

  const big = Buffer.alloc(12_000_000, 'ciphertext')
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${big.length}\r\n\r\n`
  test.each([
    ['with a length', head, ''],
    ['in chunks', `${CHUNKED}${big.length.toString(16)}\r\n`, `\r\n${LAST}`],
    ['without framing', 'HTTP/1.1 200 OK\r\n\r\n', ''],
  ])('to a slow reader although the upstream hung up long before: %s', async (_, before, after) => {
    const { ask, logged } = await set(async wire => {
      await wire.message()
      await wire.send(before)
      await wire.send(big)
      await wire.send(after)
      wire.fin()
    })
    const client = await ask(MODELS)
    client.pause()
    await Bun.sleep(300)
    client.resume()
    await eventually(() => client.size > big.length && bodyOf(client).whole)
    const { text, whole } = bodyOf(client)
    expect(whole).toBe(true)
    expect(Buffer.from(text, 'latin1').equals(big)).toBe(true)
    expect(await logged('stream')).toMatchObject([{ ending: 'complete', bytes: big.length }])
  })
})

test('the first event is with the client before the upstream sends its second', async () => {
  const { ask } = await set(async wire => {
    await wire.message()
    await wire.send(CHUNKED + chunk('data: 1\n\n'))
    await wire.seen('the client has seen it')
  })
  const client = await ask(EMBEDDINGS, { 'Content-Length': '2' }, 'hi')
  await client.seen('data: 1\n\n')
})

test('a spy between gateway and enclave hears our key, never the caller, and a stream as the client sees it', async () => {
  const enclave = also(await standInEnclave({ key: UPSTREAM_KEY, pace: 0 }))
  const spy = also(await spyOn(enclave.url))
  const { kit, post } = await set('', { base: () => spy.url })
  const chat = JSON.stringify({ model: 'any', stream: true, messages: [{ role: 'user', content: 'Hello' }] })
  const headers = { 'content-type': 'application/json', ...(await kit.bearer('ada')) }
  const answer = await post(chat, { headers })
  expect(answer.headers.get('content-type')).toBe('text/event-stream')
  const text = await answer.text()
  expect(text).toEndWith('data: [DONE]\n\n')
  const up = spy.up().toString()
  expect(up).toContain(`\r\nauthorization: Bearer ${UPSTREAM_KEY}\r\n`)
  expect(up).not.toContain(headers.authorization.slice(7))
  expect(up.split('\r\n\r\n')[1]?.replace(/"user_cache_secret":"[0-9a-f]{64}",/, '')).toBe(chat)
  const down = spy.down().toString('latin1')
  expect(unchunk(down.slice(down.indexOf('\r\n\r\n') + 4))).toEqual({ text, whole: true })
  expect(spy.connections.length).toBe(1)
})

describe('a client that leaves', () => {
  test.each(['fin', 'reset'] as const)('before the headers, by %s, stops the upstream within a second', async how => {
    const { ask, upstream, logged } = await set(wire => wire.message())
    const client = await ask(EMBEDDINGS, { 'Content-Length': '2' }, 'hi')
    const wire = await upstream.first()
    await wire.seen('\r\n\r\nhi')
    const left = performance.now()
    client[how]()
    await wire.gone()
    expect(wire.endedAt - left).toBeLessThan(1000)
    expect(await logged('request')).toMatchObject([{ status: 499, code: 'client_gone' }])
  })

  test.each(['fin', 'reset'] as const)('mid-body, by %s, stops the upstream within a second', async how => {
    const { ask, upstream, logged } = await set(then(CHUNKED + chunk('first'), () => undefined))
    const client = await ask(MODELS)
    await client.seen('first')
    const left = performance.now()
    client[how]()
    const wire = await upstream.first()
    await wire.gone()
    expect(wire.endedAt - left).toBeLessThan(1000)
    expect(await logged('stream')).toMatchObject([{ level: 'info', ending: 'cancelled', bytes: 5 }])
  })

  test('after the headers and before the first byte stops the upstream', async () => {
    const { ask, upstream, logged } = await set(then(CHUNKED, () => undefined))
    const client = await ask(MODELS)
    await client.seen('HTTP/1.1 200 OK')
    client.reset()
    await (await upstream.first()).gone()
    expect(await logged('stream')).toMatchObject([{ ending: 'cancelled', bytes: 0 }])
  })

  test('while bytes flood in is told once, as having left', async () => {
    const { ask, upstream, logged } = await set(async wire => {
      await wire.message()
      await wire.send(CHUNKED)
      while (wire.ended === 'open') await wire.send(chunk('flood'.repeat(2000)))
    })
    const client = await ask(MODELS)
    await client.seen('flood')
    client.reset()
    await (await upstream.first()).gone()
    await Bun.sleep(50)
    expect(await logged('stream')).toMatchObject([{ ending: 'cancelled' }])
  })

  test('does not harm the one who took its connection over', async () => {
    const { ask, upstream } = await set(async wire => {
      await wire.message()
      await wire.send(answerBytes('200 OK', {}, 'ok'))
      await wire.message()
      await wire.send(CHUNKED + chunk('first'))
      await Bun.sleep(100)
      await wire.send(chunk('second') + LAST)
    })
    const one = await ask(MODELS)
    await one.message()
    const other = await ask(MODELS)
    await other.seen('first')
    one.reset()
    await other.seen('second')
    expect(upstream.wires.length).toBe(1)
  })

  test('three hundred times mid-body leaves a living process and no upstream socket', async () => {
    const { kit, get, upstream, logged } = await set(async (wire, index) => {
      await wire.message()
      if (index >= 300) return wire.send(answerBytes('200 OK', {}, 'alive'))
      await wire.send(CHUNKED)
      for (; wire.ended === 'open'; await Bun.sleep(10)) await wire.send(chunk('tick'))
    })
    const bytes = requestBytes(MODELS, await kit.bearer())
    const clients = await Promise.all(Array.from({ length: 300 }, () => rawRequest(kit.url, bytes)))
    await Promise.all(clients.map(client => client.seen('tick')))
    for (const [i, client] of clients.entries()) client[i % 2 ? 'fin' : 'reset']()
    await eventually(() => upstream.wires.every(wire => wire.ended !== 'open'), 'all upstream sockets to close')
    expect(upstream.wires.length).toBe(300)
    const ends = await logged('stream', 300)
    expect(ends.every(({ ending }) => ending === 'cancelled')).toBe(true)
    expect(await (await get()).text()).toBe('alive')
  })
})

test('five hundred streams at once all get their first byte', async () => {
  const { kit, upstream } = await set(then(CHUNKED + chunk('first'), () => undefined))
  const bytes = requestBytes(MODELS, await kit.bearer())
  const clients = await Promise.all(Array.from({ length: 500 }, () => rawRequest(kit.url, bytes)))
  await Promise.all(clients.map(client => client.seen('first')))
  expect(upstream.wires.length).toBe(500)
})

test('a reader that stalls holds the upstream back, not the memory', async () => {
  const block = Buffer.from(chunk('b'.repeat(65_536)), 'latin1')
  let sent = 0
  const { ask, upstream, get } = await set(async (wire, index) => {
    await wire.message()
    if (index > 0) return wire.send(answerBytes('200 OK', {}, 'ok'))
    await wire.send(CHUNKED)
    for (; wire.ended === 'open' && sent < 100e6; sent += block.length) await wire.send(block)
  })
  Bun.gc(true)
  const before = held()
  const client = await ask(MODELS)
  await client.seen('bbb')
  client.pause()
  await Bun.sleep(1000)
  const stalledAt = sent
  await Bun.sleep(300)
  expect(sent).toBe(stalledAt)
  expect(sent).toBeLessThan(50e6)
  expect(held() - before).toBeLessThan(64e6)
  expect(await (await get()).text()).toBe('ok')
  client.reset()
  await (await upstream.first()).gone()
})
