import { afterEach, describe, expect, test } from 'bun:test'
import { type Outlet, upload } from '../../src/upstream/upload.ts'
import type { Wire } from '../kit/raw.ts'
import { answerBytes, CHUNKED, chunk, EMBEDDINGS, MODELS, stages, unchunk } from '../kit/stage.ts'

const { set, clear } = stages()
afterEach(clear)

const OK = answerBytes('200 OK', {}, 'ok')
const LAST = '0\r\n\r\n'
const IN_CHUNKS = { 'Transfer-Encoding': 'chunked' }
const sentBody = (wire: Wire) => wire.text.slice(wire.text.indexOf('\r\n\r\n') + 4)

describe('a body goes up', () => {
  test('in chunks if it came in chunks, each before the next is sent', async () => {
    const { ask, upstream } = await set(OK)
    const client = await ask(EMBEDDINGS, IN_CHUNKS)
    let expected = ''
    for (const part of ['one', 'two', 'three']) {
      expected += part
      await client.send(chunk(part))
      const wire = await upstream.first()
      await wire.until(() => unchunk(sentBody(wire)).text === expected)
    }
    await client.send(LAST)
    expect((await client.message()).body).toBe('ok')
    const { text } = await upstream.first()
    expect(text.toLowerCase()).toContain('\r\ntransfer-encoding: chunked\r\n')
    expect(text.toLowerCase()).not.toContain('content-length')
    expect(text).toEndWith(`\r\n${LAST}`)
  })

  test('with its length if it came with one, each byte before the next is sent', async () => {
    const { ask, upstream } = await set(OK)
    const client = await ask(EMBEDDINGS, { 'Content-Length': '70009' })
    for (let i = 0; i < 9; i++) {
      await client.send(String(i))
      const wire = await upstream.first()
      await wire.seen(`\r\n\r\n${'012345678'.slice(0, i + 1)}`)
    }
    await client.send('x'.repeat(70_000))
    expect((await client.message()).body).toBe('ok')
    const { text } = await upstream.first()
    expect(text.toLowerCase()).toContain('\r\ncontent-length: 70009\r\n')
    expect(text.toLowerCase()).not.toContain('transfer-encoding')
  })

  test('in one piece, once it is there, if it came with a small length', async () => {
    const { ask, upstream } = await set(OK)
    const client = await ask(EMBEDDINGS, { 'Content-Length': '9' }, '0123')
    await Bun.sleep(50)
    expect(upstream.wires).toEqual([])
    await client.send('45678')
    expect((await client.message()).body).toBe('ok')
    const { text } = await upstream.first()
    expect(text.toLowerCase()).toContain('\r\ncontent-length: 9\r\n')
    expect(text).toEndWith('\r\n\r\n012345678')
  })

  test.each([
    ['a length of 0', { 'Content-Length': '0' }, ''],
    ['one empty chunk', IN_CHUNKS, LAST],
    ['neither', {}, ''],
  ])('as nothing, with %s', async (_, headers, body) => {
    const { ask, upstream } = await set(OK)
    expect((await (await ask(EMBEDDINGS, headers, body)).message()).body).toBe('ok')
    const wire = await upstream.first()
    expect((await wire.seen('\r\n\r\n')).toLowerCase()).toMatch(
      /\r\n(content-length: 0|transfer-encoding: chunked)\r\n/,
    )
    expect(sentBody(wire)).toBeOneOf(['', LAST])
  })

  test('as nothing, with a GET that has one', async () => {
    const { ask, upstream } = await set(OK)
    await (await ask(MODELS, { 'Content-Length': '5' }, 'extra')).message()
    const { text } = await upstream.first()
    expect(text).toEndWith('\r\n\r\n')
    expect(text.toLowerCase()).not.toMatch(/content-length|transfer-encoding/)
  })

  test('unchanged, 16 MB of it, both ways', async () => {
    const body = Buffer.from(
      Array.from({ length: 16_000 }, (_, i) => String(i).padEnd(1000, '\xff\x00')).join(''),
      'latin1',
    )
    const { kit } = await set(async wire => {
      const { body } = await wire.message()
      await wire.send(answerBytes('200 OK', {}, body))
    })
    const headers = await kit.bearer()
    const answer = await fetch(`${kit.url}/v1/embeddings`, { method: 'POST', headers, body })
    expect(Buffer.from(await answer.arrayBuffer()).equals(body)).toBe(true)
  })
})

describe('an answer before the end of the body', () => {
  test.each(['fin', 'reset'] as const)('and a hang-up (%s) reach a client that is still sending', async how => {
    const { ask, logged } = await set(async wire => {
      await wire.seen('first part')
      await wire.send(answerBytes('413 Content Too Large', { Connection: 'close' }, '{"error":"large"}'))
      if (how === 'reset') await Bun.sleep(100)
      wire[how]()
    })
    const client = await ask(EMBEDDINGS, { 'Content-Length': '50000000' }, 'first part')
    const sending = (async () => {
      for (let i = 0; i < 100 && client.ended === 'open'; i++) {
        await Promise.race([client.send('more'.repeat(5000)), Bun.sleep(20)])
        await Bun.sleep(2)
      }
    })()
    const { head, body } = await client.message()
    expect(head).toStartWith('HTTP/1.1 413 ')
    expect(body).toBe('{"error":"large"}')
    await sending
    expect(await logged('stream')).toMatchObject([{ ending: 'complete' }])
  })

  test('goes on after it, however quiet, once the body is whole', async () => {
    const { ask } = await set(
      async wire => {
        await wire.seen('first')
        await wire.send(CHUNKED + chunk('early'))
        await wire.seen('second')
        await Bun.sleep(400)
        await wire.send(chunk('late') + LAST)
      },
      { patience: { bodyMs: 150, headerMs: 150 } },
    )
    const client = await ask(EMBEDDINGS, IN_CHUNKS, chunk('first'))
    await client.seen('early')
    await client.send(chunk('second') + LAST)
    await client.seen('late')
    await client.seen(LAST)
  })

  test('does not stop the body from going up', async () => {
    const { ask, upstream } = await set(async wire => {
      await wire.seen('first')
      await wire.send(CHUNKED + chunk('early'))
      await wire.seen('second')
      await wire.send(chunk('late') + LAST)
    })
    const client = await ask(EMBEDDINGS, IN_CHUNKS, chunk('first'))
    await client.seen('early')
    await client.send(chunk('second') + LAST)
    await client.seen('late')
    await (await upstream.first()).seen(LAST)
  })

  test('that a client leaves is a cancelled stream', async () => {
    const { ask, upstream, logged } = await set(async wire => {
      await wire.seen('first')
      await wire.send(CHUNKED + chunk('early'))
    })
    const client = await ask(EMBEDDINGS, { 'Content-Length': '100000' }, 'first')
    await client.seen('early')
    client.reset()
    await (await upstream.first()).gone()
    expect(await logged('stream')).toMatchObject([{ level: 'info', ending: 'cancelled' }])
  })

  test('ends with a body that breaks', async () => {
    const { ask, upstream, logged } = await set(async wire => {
      await wire.seen('first')
      await wire.send(CHUNKED + chunk('early'))
    })
    const client = await ask(EMBEDDINGS, IN_CHUNKS, chunk('first'))
    await client.seen('early')
    await client.send(`zz\r\nbad\r\n${LAST}`)
    const wire = await upstream.first()
    await wire.gone()
    expect(unchunk(sentBody(wire))).toEqual({ text: 'first', whole: false })
    expect(await logged('stream')).toMatchObject([{ level: 'info', ending: 'cancelled' }])
  })
})

describe('a body that breaks', () => {
  test.each(['fin', 'reset'] as const)('by a %s of the client is broken for the upstream', async how => {
    const { ask, upstream, logged } = await set(wire => wire.message())
    const client = await ask(EMBEDDINGS, IN_CHUNKS, chunk('part'))
    const wire = await upstream.first()
    await wire.seen('part')
    client[how]()
    await wire.gone()
    expect(unchunk(sentBody(wire)).whole).toBe(false)
    expect(await logged('request')).toMatchObject([{ status: 499 }])
  })

  test('by a bad chunk is broken for the upstream', async () => {
    const { ask, upstream } = await set(wire => wire.message())
    const client = await ask(EMBEDDINGS, IN_CHUNKS, chunk('part'))
    const wire = await upstream.first()
    await wire.seen('part')
    await client.send(`zz\r\nbad\r\n${LAST}`)
    await wire.gone()
    expect(unchunk(sentBody(wire))).toEqual({ text: 'part', whole: false })
  })

  test('by silence is a 408 and broken for the upstream', async () => {
    const { ask, upstream } = await set(wire => wire.message(), { patience: { bodyMs: 200 } })
    const client = await ask(EMBEDDINGS, { 'Content-Length': '100000' }, 'part')
    expect(await client.seen('request_stalled')).toStartWith('HTTP/1.1 408 ')
    await (await upstream.first()).gone()
  })

  test('by silence within a small length is a 408, and the upstream hears nothing of it', async () => {
    const { ask, upstream } = await set(wire => wire.message(), { patience: { bodyMs: 200 } })
    const client = await ask(EMBEDDINGS, { 'Content-Length': '10' }, 'part')
    expect(await client.seen('request_stalled')).toStartWith('HTTP/1.1 408 ')
    expect(upstream.wires).toEqual([])
  })

  test('by an upstream that hangs up is a 502', async () => {
    const { ask } = await set(async wire => {
      await wire.seen('part')
      wire.reset()
    })
    const client = await ask(EMBEDDINGS, { 'Content-Length': '100000' }, 'part')
    expect(await client.seen('upstream_unreachable')).toStartWith('HTTP/1.1 502 ')
  })
})

describe('what goes up with a length', () => {
  /** Uploads these pieces, the first as a body's head; gives what was written, and what was told. */
  async function uploaded(length: string, [first = '', ...more]: readonly string[], isWhole: boolean) {
    const written: Buffer[] = []
    const told: string[] = []
    const outbox = { onDrain: undefined, write: (bytes: Uint8Array) => written.push(Buffer.from(bytes)) > 0 }
    const outlet: Outlet = { outbox, isSent: false, onOver: undefined }
    const tell = (what: string) => () => void told.push(what)
    const watch = { waiting: () => undefined, blocked: tell('blocked'), sent: tell('sent'), broken: tell('broken') }
    const read = async () => {
      const piece = more.shift()
      return { done: piece === undefined, value: piece === undefined ? undefined : Buffer.from(piece) }
    }
    const body = { head: Buffer.from(first), ...(!isWhole && { rest: { read, cancel: async () => undefined } }) }
    await upload(`POST / HTTP/1.1\r\ncontent-length: ${length}\r\n\r\n`, body, outlet, watch)
    const [, content] = Buffer.concat(written).toString().split('\r\n\r\n')
    return { content, told, isSent: outlet.isSent }
  }
  const sent = (content: string) => ({ content, told: ['sent'], isSent: true })

  test('is all of it, and no more', async () => {
    expect(await uploaded('5', ['12345'], true)).toEqual(sent('12345'))
    expect(await uploaded('5', ['12', '', '345'], false)).toEqual(sent('12345'))
    expect(await uploaded('0', [''], false)).toEqual(sent(''))
  })

  test.each([
    ['too long', '4', ['12345'], true],
    ['too short', '6', ['12345'], true],
    ['too long by its last piece', '4', ['12', '345'], false],
    ['too long from the start', '1', ['12', '345'], false],
    ['too short by a piece', '6', ['12', '345'], false],
    ['of no length at all', 'x', ['12', '345'], false],
  ])('is broken where it is %s, and no byte is beyond the length', async (_, length, pieces, isWhole) => {
    const { content = '', told, isSent } = await uploaded(length, pieces, isWhole)
    expect({ told, isSent }).toEqual({ told: ['broken'], isSent: false })
    expect(content.length <= (Number(length) || pieces.join('').length)).toBe(true)
  })
})
