import { afterEach, expect } from 'bun:test'
import { type RecordedStream, withEventStreams } from '../kit/data.ts'
import type { Wire } from '../kit/raw.ts'
import { MODELS, stages } from '../kit/stage.ts'

const { set, clear } = stages()
afterEach(clear)

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n'
const CHUNKED = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`
const AT_ONCE = 8

/** One chunk of a chunked body (RFC 9112 section 7.1). */
function framed(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])
}

/** Does so with every item, a few at a time. */
async function forEach<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values()
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const item of queue) await act(item)
    }),
  )
}

/** A gateway whose upstream answers `?n` with the n-th thing to say. */
async function saying(acts: readonly ((wire: Wire) => Promise<void>)[]) {
  const { kit } = await set(async wire => {
    for (;;) {
      const { head } = await wire.message()
      await acts[Number(/\?(\d+)/.exec(head)?.[1])]?.(wire)
    }
  })
  const { authorization } = await kit.bearer()
  return (index: number) => fetch(`${kit.url}${MODELS.slice(4)}?${index}`, { headers: { authorization } })
}

withEventStreams(
  'an event stream cut at any byte arrives byte for byte, what is before the cut before the rest is sent',
  async streams => {
    const cuts = streams.flatMap(({ name, bytes }) =>
      Array.from({ length: bytes.length - 1 }, (_, at) => ({
        name: `${name} cut at ${at + 1}`,
        bytes,
        at: at + 1,
        arrived: Promise.withResolvers<void>(),
      })),
    )
    expect(cuts.length).toBeGreaterThan(5000)
    const ask = await saying(
      cuts.map(({ bytes, at, arrived }) => async wire => {
        await wire.send(Buffer.concat([Buffer.from(CHUNKED), framed(bytes.subarray(0, at))]))
        await arrived.promise
        await wire.send(Buffer.concat([framed(bytes.subarray(at)), framed(Buffer.of())]))
      }),
    )
    const wrong: string[] = []
    await forEach([...cuts.entries()], async ([index, { name, bytes, at, arrived }]) => {
      const parts: Uint8Array[] = []
      let size = 0
      for await (const part of (await ask(index)).body!) {
        parts.push(part)
        size += part.length
        if (size >= at) arrived.resolve()
      }
      if (!Buffer.concat(parts).equals(bytes)) wrong.push(name)
    })
    expect(wrong).toEqual([])
  },
  30_000,
)

const byteByByte: Record<string, (stream: RecordedStream, wire: Wire) => Promise<void>> = {
  'in chunks of one byte': async ({ bytes }, wire) => {
    await wire.send(CHUNKED)
    for (const byte of bytes) await wire.send(framed(Buffer.of(byte)))
    await wire.send(framed(Buffer.of()))
  },
  'of known length and a byte at a time': async ({ bytes }, wire) => {
    await wire.send(`${HEAD}Content-Length: ${bytes.length}\r\n\r\n`)
    for (const byte of bytes) await wire.send(Buffer.of(byte))
  },
}

for (const [how, say] of Object.entries(byteByByte))
  withEventStreams(
    `an event stream ${how} arrives byte for byte`,
    async streams => {
      const ask = await saying(streams.map(stream => wire => say(stream, wire)))
      for (const [index, { name, bytes }] of streams.entries()) {
        const answer = await ask(index)
        expect(answer.headers.get('content-type')).toBe('text/event-stream')
        expect([name, Buffer.from(await answer.bytes()).toString('hex')]).toEqual([name, bytes.toString('hex')])
      }
    },
    20_000,
  )
