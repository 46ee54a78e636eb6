import { afterEach, describe, expect, test } from 'bun:test'
import { type Outlet, upload } from '../../src/upstream/upload.ts'
import { held } from '../kit/memory.ts'
import type { Reply } from '../kit/raw.ts'
import { answerBytes, EMBEDDINGS, eventually, stages } from '../kit/stage.ts'

const { set, clear } = stages()
afterEach(clear)

const OK = answerBytes('200 OK', {}, 'ok')

describe('an upload whose request has ended', () => {
  /** Uploads from a source until something is told, then ends the request; gives all that was told. */
  async function told(body: ReadableStream<Uint8Array>, last: string): Promise<string[]> {
    let room = 1_000_000
    const calls: string[] = []
    const outlet: Outlet = {
      isSent: false,
      onOver: undefined,
      outbox: {
        onDrain: undefined,
        write: bytes => {
          room -= bytes.length
          return room > 0
        },
      },
    }
    // What it went up by may be another request's at once.
    const over = () => {
      outlet.outbox.onDrain?.()
      outlet.onOver?.()
    }
    const tell = (what: string) => () => {
      calls.push(what)
      if (what === last) setTimeout(over, 5)
    }
    const watch = { waiting: tell('waiting'), blocked: tell('blocked'), sent: tell('sent'), broken: tell('broken') }
    await upload('POST / HTTP/1.1\r\n\r\n', { head: Buffer.from('head'), rest: body.getReader() }, outlet, watch)
    await Bun.sleep(20)
    return calls
  }

  test('waits for the client no more, and lets its body go', async () => {
    let cancelled = 0
    const body = new ReadableStream({ pull: () => new Promise(() => undefined), cancel: () => void cancelled++ })
    expect(await told(body, 'waiting')).toEqual(['waiting'])
    expect(cancelled).toBe(1)
  })

  test('tells of a body that breaks first', async () => {
    const body = new ReadableStream({ pull: () => Promise.reject(new Error('broken')) })
    expect(await told(body, 'broken')).toEqual(['waiting', 'broken'])
  })

  test('waits for the upstream no more, and for nobody after it', async () => {
    let cancelled = 0
    const block = new Uint8Array(32_000_000)
    const body = new ReadableStream<Uint8Array>({
      pull: controller => controller.enqueue(block),
      cancel: () => void cancelled++,
    })
    const calls = await told(body, 'blocked')
    expect(calls).toEqual(['waiting', 'blocked'])
    expect(cancelled).toBe(1)
  })
})

const SIZE = 40_000_000
/** Reads nothing after the head until told, then all. */
const deaf =
  (released: Promise<void>): Reply =>
  async wire => {
    const head = await wire.seen('\r\n\r\n')
    wire.pause()
    await released
    wire.resume()
    await eventually(() => wire.size >= head.indexOf('\r\n\r\n') + 4 + SIZE)
    await wire.send(OK)
  }

test('an upstream that does not read holds the client back, and is not blamed on the client', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  const { ask } = await set(deaf(released), { patience: { bodyMs: 200 } })
  const before = held()
  const client = await ask(EMBEDDINGS, { 'Content-Length': String(SIZE) })
  const block = 'b'.repeat(50_000)
  let sent = 0
  const sending = (async () => {
    for (; sent < SIZE && client.ended === 'open'; sent += block.length) await client.send(block)
  })()
  await Bun.sleep(800)
  const sentWhileHeld = sent
  expect(client.text).toBe('')
  expect(sentWhileHeld).toBeLessThan(SIZE)
  expect(held() - before).toBeLessThan(64e6)
  release()
  await sending
  expect((await client.message()).body).toBe('ok')
})

test('an upstream that never reads is a 504', async () => {
  const { ask } = await set(deaf(Promise.withResolvers<void>().promise), { patience: { bodyMs: 5000, headerMs: 300 } })
  const client = await ask(EMBEDDINGS, { 'Content-Length': String(SIZE) })
  const sending = client.send(Buffer.alloc(SIZE))
  await eventually(() => client.text.includes('upstream_timeout'))
  expect(client.text).toStartWith('HTTP/1.1 504 ')
  client.reset()
  await sending
})
