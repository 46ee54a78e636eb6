import type { IncomingMessage } from 'node:http'
import type { BodyEnd, Ending } from '../protocol/exchange.ts'

/** Bytes read ahead of a client that is slower than its upstream. */
const READ_AHEAD = 65_536

interface Watch {
  now: () => number
  /** Aborted when the client leaves. */
  signal: AbortSignal
  /** Called once, before the client sees the end. */
  ended: (end: BodyEnd) => void
}

/**
 * The body of an upstream's answer, byte for byte, watched. It ends only if the upstream ended it: whatever else
 * happens to the upstream breaks the stream, so that a cut answer never looks finished. A client that leaves ends the
 * upstream's work.
 */
export function tapped(source: IncomingMessage, { now, signal, ended }: Watch): ReadableStream<Uint8Array> {
  let bytes = 0
  let firstByteAt: number | undefined
  let over = false

  // Bun calls listeners on after the client has left; a controller touched then throws, and that ends the process.
  function once(ending: Ending, act: () => void = () => undefined): void {
    if (over) return
    over = true
    ended({ ending, bytes, firstByteAt })
    act()
  }

  function leave(): void {
    once('cancelled')
    source.destroy()
  }

  // Bun cancels the stream it is sending; the signal is for a client that left before Bun began to.
  signal.addEventListener('abort', leave)
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        source.on('data', (chunk: Uint8Array) => {
          if (over) return
          firstByteAt ??= now()
          bytes += chunk.byteLength
          controller.enqueue(chunk)
          if ((controller.desiredSize ?? 0) <= 0) source.pause()
        })
        const broken = () => once('failed', () => controller.error(new Error('the upstream broke off')))
        source.on('end', () => (source.complete ? once('complete', () => controller.close()) : broken()))
        source.on('error', broken)
        source.on('close', broken)
      },
      pull() {
        source.resume()
      },
      cancel: leave,
    },
    new ByteLengthQueuingStrategy({ highWaterMark: READ_AHEAD }),
  )
}
