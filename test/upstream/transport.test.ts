import { afterEach, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { transport } from '../../src/upstream/transport.ts'
import type { Reply } from '../kit/raw.ts'
import { answerBytes, CHUNKED, chunk, EMBEDDINGS, eventually, stages } from '../kit/stage.ts'

const { set, also, clear } = stages()
afterEach(clear)

const OK = answerBytes('200 OK', {}, 'ok')
/** Answers each connection's first request so, and says nothing more. */
const once =
  (bytes: string): Reply =>
  async wire => {
    await wire.message()
    await wire.send(bytes)
  }

async function codeOf(answer: Response): Promise<string> {
  const { error } = (await answer.json()) as { error: { code: string } }
  return `${answer.status} ${error.code}`
}

describe('an upstream that cannot be reached', () => {
  test('is a 502 when it refuses the connection', async () => {
    const stage = await set(OK)
    await stage.upstream.stop()
    expect(await codeOf(await stage.get())).toBe('502 upstream_unreachable')
    expect(await codeOf(await stage.post('{}'))).toBe('502 upstream_unreachable')
  })

  test('is a 502 when its name does not resolve', async () => {
    const { get } = await set(OK, { base: () => 'http://nothing.invalid:1' })
    expect(await codeOf(await get())).toBe('502 upstream_unreachable')
  })

  test('is a 504 when its backlog is full and the connection is not accepted', async () => {
    const port = await crowded()
    const { get } = await set(OK, { base: () => `http://127.0.0.1:${port}`, patience: { connectMs: 200 } })
    const started = performance.now()
    expect(await codeOf(await get())).toBe('504 upstream_timeout')
    expect(performance.now() - started).toBeWithin(190, 1500)
  })

  test('is a 504 when it takes the connection and never answers the TLS handshake', async () => {
    const { get, upstream } = await set(() => undefined, {
      base: ({ port }) => `https://localhost:${port}`,
      patience: { connectMs: 200 },
    })
    expect(await codeOf(await get())).toBe('504 upstream_timeout')
    await (await upstream.first()).gone()
  })

  test('is found under a name that has an IPv6 address it does not listen on', async () => {
    const { get } = await set(OK, { base: ({ port }) => `http://localhost:${port}` })
    expect(await (await get()).text()).toBe('ok')
  })
})

describe('an upstream that is slow to answer', () => {
  test('is a 504 after the patience for headers, and is hung up on', async () => {
    const { get, upstream } = await set(wire => wire.message(), { patience: { headerMs: 200 } })
    expect(await codeOf(await get())).toBe('504 upstream_timeout')
    const wire = await upstream.first()
    await wire.gone()
    expect(wire.ended).not.toBe('open')
  })

  test('is a 504 when it begins its headers in time and does not end them', async () => {
    const { get } = await set(once('HTTP/1.1 200 OK\r\nContent-Le'), { patience: { headerMs: 200 } })
    expect(await codeOf(await get())).toBe('504 upstream_timeout')
  })

  test('is waited for from the last byte of the request, not from its first', async () => {
    const { ask } = await set(OK, { patience: { headerMs: 150, bodyMs: 1000 } })
    const client = await ask(EMBEDDINGS, { 'content-length': '8' })
    for (const byte of 'slowbody') {
      await Bun.sleep(60)
      await client.send(byte)
    }
    expect((await client.message()).head).toStartWith('HTTP/1.1 200 ')
  })

  test('is not hurried by the patience for connections', async () => {
    const reply: Reply = async wire => {
      await wire.message()
      await Bun.sleep(300)
      await wire.send(OK)
    }
    const { get } = await set(reply, { patience: { connectMs: 100 } })
    expect(await (await get()).text()).toBe('ok')
  })
})

describe('an upstream that does not speak HTTP', () => {
  const malformed: Record<string, string> = {
    garbage: 'SSH-2.0-OpenSSH_9.7\r\n',
    'a status of 99': 'HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n',
    'a status of 600': 'HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n',
    'an unasked switch of protocols': 'HTTP/1.1 101 Switching Protocols\r\n\r\n',
    'a header of 100 kB': answerBytes('200 OK', { 'X-Big': 'b'.repeat(100_000) }, 'ok'),
    'three thousand headers': `HTTP/1.1 200 OK\r\n${'X-Many: yes\r\n'.repeat(3000)}\r\n`,
    'bare line feeds': 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok',
    'a control character in a header': answerBytes('200 OK', { 'Content-Type': 'a\x01b' }, 'ok'),
    'two lengths': answerBytes('200 OK', { 'content-length': '3' }, 'ok!'),
    'the same length twice': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok',
    'a negative length': answerBytes('200 OK', { 'Content-Length': '-2' }, 'ok'),
    'an endless length': answerBytes('200 OK', { 'Content-Length': '99999999999999999999' }, 'ok'),
    'a length and chunks': `HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n${chunk('ok')}0\r\n\r\n`,
    'chunks and a length': `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n${chunk('ok')}0\r\n\r\n`,
    ...Object.fromEntries(
      ['gzip', 'identity', 'gzip, chunked', 'chunked, gzip', 'chunked, chunked', 'xchunked', '', '\x0bchunked'].map(
        coding => [`the transfer coding "${coding}"`, `HTTP/1.1 200 OK\r\nTransfer-Encoding: ${coding}\r\n\r\nok`],
      ),
    ),
  }
  test.each(Object.entries(malformed))('is a 502 for %s', async (_, bytes) => {
    const { get, upstream } = await set(once(bytes))
    expect(await codeOf(await get())).toBe('502 upstream_malformed')
    const wire = await upstream.first()
    await wire.gone()
  })

  test('is a 502 for a switch of protocols that names one', async () => {
    const { get } = await set(once('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'))
    expect((await get()).status).toBe(502)
  })

  test('is a 502 for headers without end, and it stops reading them', async () => {
    let sent = 0
    const reply: Reply = async wire => {
      await wire.message()
      await wire.send('HTTP/1.1 200 OK\r\n')
      for (; wire.ended === 'open' && sent < 64e6; sent += 1000) await wire.send(`X-Endless: ${'e'.repeat(986)}\r\n`)
    }
    const { get } = await set(reply)
    expect(await codeOf(await get())).toBe('502 upstream_malformed')
    expect(sent).toBeLessThan(32e6)
  })

  test.each(['fin', 'reset'] as const)('is a 502 for a %s before the headers', async how => {
    const { get } = await set(async wire => {
      await wire.message()
      wire[how]()
    })
    expect(await codeOf(await get())).toBe('502 upstream_unreachable')
  })

  test('is a 502 for a hang-up in the middle of the headers', async () => {
    const { get } = await set(async wire => {
      await wire.message()
      await wire.send('HTTP/1.1 200 OK\r\nContent-')
      wire.fin()
    })
    expect((await get()).status).toBe(502)
  })
})

test('interim answers pass by, the final one is taken', async () => {
  const interim =
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n'
  const { get } = await set(interim + OK)
  const answer = await get()
  expect(answer.status).toBe(200)
  expect(answer.headers.has('link')).toBe(false)
  expect(await answer.text()).toBe('ok')
})

describe('a connection', () => {
  test('is kept for the next request', async () => {
    const { get, upstream } = await set(OK)
    for (let i = 0; i < 5; i++) expect(await (await get()).text()).toBe('ok')
    expect(upstream.wires.length).toBe(1)
  })

  test.each(['HEAD', 'GET'])('is kept after an answer without a body, to a %s', async method => {
    const status = method === 'GET' ? '204 No Content' : '200 OK'
    const { get, upstream } = await set(`HTTP/1.1 ${status}\r\n${method === 'GET' ? '' : 'Content-Length: 9\r\n'}\r\n`)
    for (let i = 0; i < 5; i++) expect((await get({ method })).ok).toBe(true)
    expect(upstream.wires.length).toBe(1)
  })

  test('that the upstream means to close is not kept', async () => {
    const { get, upstream } = await set(answerBytes('200 OK', { Connection: 'close' }, 'ok'))
    for (let i = 0; i < 3; i++) expect(await (await get()).text()).toBe('ok')
    expect(upstream.wires.length).toBe(3)
  })

  test('that the upstream closed while idle does not fail the next request', async () => {
    const { get, upstream } = await set(OK)
    for (let i = 1; i <= 5; i++) {
      expect(await (await get()).text()).toBe('ok')
      upstream.wires.at(-1)?.fin()
      await eventually(() => upstream.wires.at(-1)?.ended !== 'open')
    }
    expect(upstream.wires.length).toBe(5)
  })

  const dirty: Record<string, string> = {
    'a whole answer after the length': `${OK}${answerBytes('200 OK', {}, 'EVIL')}`,
    'a whole answer after the last chunk': `${CHUNKED}${chunk('ok')}0\r\n\r\n${answerBytes('200 OK', {}, 'EVIL')}`,
    'a whole answer after no content': `HTTP/1.1 204 No Content\r\n\r\n${answerBytes('200 OK', {}, 'EVIL')}`,
    'junk after the length': `${OK}junk`,
    'half an answer after the length': `${OK}HTTP/1.1 200 OK\r\nContent-Le`,
  }
  test.each(Object.entries(dirty))('on which came %s gives it to nobody', async (_, bytes) => {
    let asked = 0
    const { get } = await set(async wire => {
      for (;;) {
        await wire.message()
        await wire.send(asked++ === 0 ? bytes : answerBytes('200 OK', {}, 'mine'))
      }
    })
    expect((await get()).status).toBeOneOf([200, 204, 502])
    for (let i = 0; i < 3; i++) expect(await (await get()).text()).toBe('mine')
  })

  test('that answered HEAD with a body serves nobody again', async () => {
    const { get, upstream } = await set(async (wire, index) => {
      await wire.message()
      await wire.send(index === 0 ? answerBytes('200 OK', {}, 'EVIL') : answerBytes('200 OK', {}, 'mine'))
    })
    expect((await get({ method: 'HEAD' })).status).toBe(200)
    expect(await (await get()).text()).toBe('mine')
    expect(upstream.wires.length).toBe(2)
  })

  test('that answered before it had the whole request serves nobody again', async () => {
    const { ask, get, upstream } = await set(async (wire, index) => {
      if (index === 0) await wire.seen('first half')
      else await wire.message()
      await wire.send(answerBytes('200 OK', {}, index === 0 ? 'early' : 'mine'))
    })
    const client = await ask(EMBEDDINGS, { 'content-length': '100000' }, 'first half')
    expect((await client.message()).head).toStartWith('HTTP/1.1 200 ')
    expect(await (await get()).text()).toBe('mine')
    expect(upstream.wires.length).toBe(2)
  })
})

test('a HEAD sends no body, and its answer waits for none', async () => {
  const { ask, upstream } = await set('HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n')
  const head = await (await ask('HEAD /v1/models')).seen('\r\n\r\n')
  expect(head.toLowerCase()).toContain('content-length: 1234\r\n')
  const asked = (await upstream.first()).text.toLowerCase()
  expect(asked).toStartWith('head /v1/models http/1.1\r\n')
  expect(asked).not.toMatch(/content-length|transfer-encoding/)
})

test('a client that left before it was forwarded is not forwarded', async () => {
  const { upstream } = await set(OK)
  const send = transport({ connectMs: 1000, bodyMs: 1000, headerMs: 1000 })
  const origin = new URL(upstream.url)
  const reached = () => undefined
  const gone = { origin, method: 'GET', path: '/', headers: {}, body: null, reached, signal: AbortSignal.abort() }
  expect(await send(gone).catch(error => error)).toMatchObject({ code: 'client_gone' })
  await Bun.sleep(50)
  expect(upstream.wires.map(({ text }) => text).join('')).toBe('')
})

/** The port of a listener that never accepts, its backlog full. */
async function crowded(): Promise<number> {
  const code = `
    const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1' }, () => {
      require('node:fs').writeSync(1, String(server.address().port))
      Bun.sleepSync(60_000)
    })`
  const child = Bun.spawn([process.execPath, '-e', code], { stdout: 'pipe', stderr: 'inherit' })
  const { value } = await child.stdout.getReader().read()
  const port = Number(new TextDecoder().decode(value))
  let connected = 0
  const crowd = Array.from({ length: 700 }, () =>
    connect(port, '127.0.0.1', () => connected++).on('error', () => undefined),
  )
  also({
    stop: async () => {
      for (const socket of crowd) socket.destroy()
      child.kill('SIGKILL')
      await child.exited
    },
  })
  for (let before = -1; before < connected; await Bun.sleep(100)) before = connected
  return port
}
