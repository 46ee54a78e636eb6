import { afterEach, describe, expect, test } from 'bun:test'
import { Problem } from '../../src/protocol/problem.ts'
import { calls } from '../../src/upstream/call.ts'
import { outcome as fate } from '../kit/problem.ts'
import { type Reply, rawUpstream } from '../kit/raw.ts'
import { answerBytes, CHUNKED, chunk, stages } from '../kit/stage.ts'

const { call, send } = calls()

const { also, clear } = stages()
afterEach(clear)

const asked = { accept: 'application/json', withinMs: 300, maxBytes: 100 }

async function serve(reply: Reply) {
  return also(await rawUpstream(reply))
}

/** What a call gives, or the code of its problem. */
async function outcome(url: string): Promise<string> {
  try {
    return Buffer.from(await call({ ...asked, url })).toString('latin1')
  } catch (error) {
    return error instanceof Problem ? error.code : String(error)
  }
}

describe('a call', () => {
  test('says exactly this, and nothing of ours', async () => {
    const server = await serve(answerBytes('200 OK', {}, 'ok'))
    expect(await outcome(`${server.url}/a%2Fb?c=d`)).toBe('ok')
    const lines = (await server.first()).text.trimEnd().split('\r\n')
    expect(lines[0]).toBe('GET /a%2Fb?c=d HTTP/1.1')
    expect(
      lines
        .slice(1)
        .map(line => line.toLowerCase())
        .sort(),
    ).toEqual([
      'accept: application/json',
      'connection: keep-alive',
      `host: 127.0.0.1:${server.port}`,
      'user-agent: sealgate',
    ])
  })

  test('gives the bytes as they are, compressed or not', async () => {
    const gzip = Buffer.from(Bun.gzipSync('{}')).toString('latin1')
    const server = await serve(answerBytes('200 OK', { 'Content-Encoding': 'gzip' }, gzip))
    expect(await outcome(server.url)).toBe(gzip)
  })

  test('takes as many bytes as it may, and not one more', async () => {
    const most = await serve(answerBytes('200 OK', {}, 'b'.repeat(100)))
    expect(await outcome(most.url)).toBe('b'.repeat(100))
    const more = await serve(answerBytes('200 OK', {}, 'b'.repeat(101)))
    expect(await outcome(more.url)).toBe('upstream_malformed')
  })

  test('hangs up on a body without end', async () => {
    const server = await serve(async wire => {
      await wire.message()
      await wire.send(CHUNKED)
      while (wire.ended === 'open') await wire.send(chunk('flood'.repeat(1000)))
    })
    expect(await outcome(server.url)).toBe('upstream_malformed')
    await (await server.first()).gone()
  })

  test.each(['201 Created', '204 No Content', '301 Moved', '404 Not Found', '500 Oops'])(
    'is malformed by a %s',
    async status => {
      const elsewhere = await serve(answerBytes('200 OK', {}, 'elsewhere'))
      const server = await serve(
        status.startsWith('204')
          ? 'HTTP/1.1 204 No Content\r\n\r\n'
          : answerBytes(status, { Location: elsewhere.url }, 'ok'),
      )
      expect(await outcome(server.url)).toBe('upstream_malformed')
      expect(elsewhere.wires).toBeEmpty()
    },
  )

  test('is late without headers, and without the rest of the body', async () => {
    const silent = await serve(wire => wire.message())
    expect(await outcome(silent.url)).toBe('upstream_timeout')
    await (await silent.first()).gone()
    const dripping = await serve(async wire => {
      await wire.message()
      await wire.send(CHUNKED)
      for (; wire.ended === 'open'; await Bun.sleep(50)) await wire.send(chunk('d'))
    })
    expect(await outcome(dripping.url)).toBe('upstream_timeout')
    await (await dripping.first()).gone()
  })

  test('fails by a refusal, a name that does not resolve, a hang-up and a cut body', async () => {
    const gone = await serve('')
    await gone.stop()
    expect(await outcome(gone.url)).toBe('upstream_unreachable')
    expect(await outcome('http://nothing.invalid')).toBe('upstream_unreachable')
    const mute = await serve(async wire => {
      await wire.message()
      wire.reset()
    })
    expect(await outcome(mute.url)).toBe('upstream_unreachable')
    const cut = await serve(async wire => {
      await wire.message()
      await wire.send(CHUNKED + chunk('short'))
      wire.fin()
    })
    expect(await outcome(cut.url)).toBe('upstream_unreachable')
  })

  test.each([
    `file://${import.meta.path}`,
    'data:application/json,{}',
    's3://bucket/key',
    'blob:nodedata:0',
    'not a URL',
  ])('goes nowhere but over HTTP: %s', async url => {
    expect(await outcome(url)).toBeOneOf(['upstream_malformed', 'upstream_unreachable'])
  })
})

describe('a request of our own', () => {
  const bounds = { withinMs: 300, maxBytes: 100 }

  test('posts a form under this name, and keeps no connection for it', async () => {
    const server = await serve(answerBytes('200 OK', {}, 'ok'))
    const headers = { Accept: 'application/json', 'User-Agent': 'somebody' }
    const body = new URLSearchParams({ code: 'a b&c' })
    await send({ ...bounds, url: server.url, method: 'POST', headers, body })
    const { head, body: form } = await (await server.first()).until(text => text.endsWith('code=a+b%26c')).then(split)
    expect(head.toLowerCase().split('\r\n').sort()).toEqual([
      'accept: application/json',
      'content-length: 12',
      'content-type: application/x-www-form-urlencoded;charset=utf-8',
      `host: 127.0.0.1:${server.port}`,
      'post / http/1.1',
      'user-agent: sealgate',
    ])
    expect(form).toBe('code=a+b%26c')
  })

  test.each(['200 OK', '302 Found', '400 Bad Request', '503 Busy'])(
    'gives status, headers and body of a %s',
    async status => {
      const elsewhere = await serve(answerBytes('200 OK', {}, 'elsewhere'))
      const server = await serve(answerBytes(status, { Location: elsewhere.url, 'X-Other': 'b' }, 'said'))
      const answer = await send({ ...bounds, url: server.url, headers: {} })
      expect([answer.status, answer.headers.get('x-other'), await answer.text()]).toEqual([
        parseInt(status, 10),
        'b',
        'said',
      ])
      expect(elsewhere.wires).toBeEmpty()
    },
  )

  test('gives an answer that has no body', async () => {
    const server = await serve('HTTP/1.1 204 No Content\r\n\r\n')
    expect((await send({ ...bounds, url: server.url, headers: {} })).status).toBe(204)
  })

  test('is malformed by a status that is none, and by a long answer of any', async () => {
    const odd = await serve(answerBytes('700 Odd', {}, 'ok'))
    expect(await fate(() => send({ ...bounds, url: odd.url, headers: {} }))).toBe('upstream_malformed')
    const long = await serve(answerBytes('404 Not Found', {}, 'b'.repeat(101)))
    expect(await fate(() => send({ ...bounds, url: long.url, headers: {} }))).toBe('upstream_malformed')
  })
})

function split(text: string) {
  const [head = '', body = ''] = text.split('\r\n\r\n')
  return { head, body }
}
