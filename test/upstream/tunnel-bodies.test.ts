import { afterEach, describe, expect, test } from 'bun:test'
import type { Body } from '../../src/upstream/body.ts'
import { behindProxies, ELSEWHERE, sending, textOf } from '../kit/behind-proxy.ts'
import { problemOf } from '../kit/problem.ts'
import { answerBytes, CHUNKED, chunk, stages } from '../kit/stage.ts'

const on = stages()
afterEach(on.clear)
const behindProxy = behindProxies(on)

const MANY = 4 * 2 ** 20

describe('a body through a tunnel', () => {
  test('goes up and down however long, trailers too', async () => {
    const { egress } = await behindProxy(async wire => {
      await wire.seen('0\r\n\r\n')
      const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Usage\r\n\r\n'
      await wire.send(`${head}${chunk('d'.repeat(MANY))}0\r\nX-Usage: ${wire.size}\r\n\r\n`)
    })
    const pieces = Array.from({ length: 32 }, () => new Uint8Array(MANY / 32).fill(117))
    const rest = new Blob(pieces.slice(1)).stream().getReader()
    const body = { head: pieces[0]!, rest: rest as NonNullable<Body['rest']> }
    const answer = await sending(egress)(ELSEWHERE, { method: 'POST', body })
    expect((await textOf(answer)).length).toBe(MANY)
    expect(Number(answer.trailers['x-usage'])).toBeGreaterThan(MANY)
  })

  test('is read no faster than whoever asked reads it', async () => {
    let sent = 0
    const { egress, upstream } = await behindProxy(async wire => {
      await wire.message()
      await wire.send(CHUNKED)
      for (; wire.ended === 'open'; sent += 65_536) await wire.send(chunk('f'.repeat(65_536)))
    })
    const answer = await sending(egress)()
    await answer[Symbol.asyncIterator]().next()
    let before = -1
    while (before < sent) {
      before = sent
      await Bun.sleep(100)
    }
    answer.destroy()
    await upstream.first().then(wire => wire.gone())
    expect(sent).toBeLessThan(64 * 2 ** 20)
  })

  test('whose tunnel ends with it is read to its end, however slowly', async () => {
    const { egress } = await behindProxy(async wire => {
      await wire.message()
      await wire.send(answerBytes('200 OK', { Connection: 'close' }, 'x'.repeat(2_000_000)))
      wire.fin()
    })
    const answer = await sending(egress)()
    let size = 0
    for await (const bytes of answer) {
      size += bytes.length
      await Bun.sleep(2)
    }
    expect({ size, complete: answer.complete }).toEqual({ size: 2_000_000, complete: true })
  })

  test('is taken no faster than the other side reads', async () => {
    const { egress, upstream } = await behindProxy(async wire => {
      await wire.seen('\r\n\r\n')
      wire.pause()
    })
    let reads = 0
    const block = new Uint8Array(65_536)
    const read = async () => ({ done: ++reads > 1000, value: reads > 1000 ? undefined : block })
    const leaving = new AbortController()
    const rest = { read, cancel: () => Promise.resolve() }
    const asked = { method: 'POST', body: { head: block, rest }, signal: leaving.signal }
    const sent = problemOf(() => sending(egress)(ELSEWHERE, asked))
    await upstream.first().then(wire => wire.seen('\r\n\r\n'))
    for (let before = -1; before < reads; await Bun.sleep(100)) before = reads
    leaving.abort()
    expect((await sent).code).toBe('client_gone')
    expect(reads).toBeLessThan(900)
  })

  test('that is cut is never whole', async () => {
    const { egress } = await behindProxy(async wire => {
      await wire.message()
      await wire.send('HTTP/1.1 200 OK\r\n\r\nhalf of')
      wire.fin()
    })
    expect((await problemOf(async () => textOf(await sending(egress)()))).code).toBe('upstream_unreachable')
  })
})
