import type { BodyEnd, Ending } from '../protocol/exchange.ts'
import { Problem } from '../protocol/problem.ts'

/** Where a body comes from. */
export interface Source extends AsyncIterable<Buffer> {
  /** Whether its end was one, and not a break. */
  readonly complete: boolean
  /** All of it in one piece, if it is here and nobody has read it; it is then read. */
  whole?(): Buffer | undefined
  /** Gives it up. */
  destroy(): unknown
}

interface Watch {
  now: () => number
  /** Aborted when the client leaves, or with the Problem for which the answer is cut. */
  signal: AbortSignal
  /** Called with each piece before it is passed on; it must not throw, nor keep the piece. */
  seen?: ((bytes: Buffer) => void) | undefined
  /** Called once, before the client sees the end. */
  ended: (end: BodyEnd) => void
}

/**
 * The body of an upstream's answer, byte for byte, watched. It ends only if the upstream ended it: whatever else
 * happens to the upstream breaks the stream, so that a cut answer never looks finished. A client that leaves ends the
 * upstream's work.
 */
// A generator, and not a ReadableStream with a queue of its own: that one costs 35 µs of CPU more per answer.
export function tapped(source: Source, { now, signal, seen, ended }: Watch): AsyncGenerator<Uint8Array> {
  let bytes = 0
  let firstByteAt: number | undefined
  let ending: Ending = 'cancelled'
  let begun = false
  let over = false
  const end = () => {
    if (!over) ended({ ending, bytes, firstByteAt })
    over = true
  }

  // Whoever drops a generator cannot end it while it waits for a quiet upstream; and one that is never read never runs.
  signal.addEventListener('abort', () => {
    source.destroy()
    // One who is cut may never read on, and nobody drops it for them.
    if (!begun || signal.reason instanceof Problem) end()
  })
  // Cut between its headers and here.
  if (signal.aborted) source.destroy()

  async function* chunks(): AsyncGenerator<Uint8Array> {
    begun = true
    try {
      for await (const chunk of source) {
        firstByteAt ??= now()
        bytes += chunk.byteLength
        seen?.(chunk)
        yield chunk
      }
      if (!source.complete) throw new Error('the upstream broke off')
      ending = 'complete'
    } catch (error) {
      if (!(signal.aborted || isClients(error))) ending = 'failed'
      throw error
    } finally {
      end()
    }
  }
  return chunks()
}

/** Whether it was the client's own request that cut the answer: its body was too long, say. */
function isClients(error: unknown): boolean {
  return error instanceof Problem && error.status < 500
}
