import { nextTurn } from '../protocol/json.ts'
import { Problem } from '../protocol/problem.ts'
import { alarm } from './alarm.ts'
import { type Body, goneFrom, requestStalled } from './body.ts'

const PIECE_BYTES = 65_536
// Copied in one turn of the event loop: where memory is new to the process, a mebibyte takes 2 ms.
const COPY_BYTES = 1_048_576

/**
 * An opened body, read to its end and in one piece.
 * @param stallMs milliseconds without a byte after which the client is given up.
 * @throws Problem `request_stalled`, `client_gone` when the client breaks off, what the signal was aborted with, or what the
 * body's own bound makes.
 */
export async function readWhole(body: Body | null, signal: AbortSignal, stallMs: number): Promise<Uint8Array> {
  const { head = new Uint8Array(), rest } = body ?? {}
  if (!rest) return head
  const stall = alarm()
  let fail: (problem: Problem) => void = ignored
  const leave = () => fail(goneFrom(signal))
  // A promise each: one for all reads would keep something of each of them.
  const next = () =>
    new Promise<Uint8Array | undefined>((resolve, reject) => {
      fail = reject
      if (signal.aborted) return leave()
      stall.in(stallMs, () => reject(requestStalled()))
      rest.read().then(({ value }) => resolve(value), reject)
    })
  signal.addEventListener('abort', leave)
  let whole = head
  let size = head.length
  try {
    for (let value = await next(); value; value = await next()) {
      if (size + value.length > whole.length) whole = await roomier(whole, size, 2 * (size + value.length))
      whole.set(value, size)
      size += value.length
    }
    return whole.subarray(0, size)
  } catch (cause) {
    rest.cancel().catch(ignored)
    if (cause instanceof Problem) throw cause
    throw new Problem('client_gone', 'The client left before its request was whole.', { cause })
  } finally {
    stall.off()
    signal.removeEventListener('abort', leave)
  }
}

/** A body of these pieces, and its length; a long one goes up no faster than the upstream reads. */
export function bodyOf(pieces: readonly Uint8Array[]): { body: Body; length: number } {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  if (length <= PIECE_BYTES) return { body: { head: Buffer.concat(pieces) }, length }
  // Whoever sends a body keeps hold of it until the answer has ended, and one byte of it would keep all: so the head is
  // a copy, and what was read to its end is let go.
  let slices: Generator<Uint8Array, undefined> | undefined = sliced(pieces)
  const head = new Uint8Array(slices.next().value ?? [])
  const read = async () => {
    const value = slices?.next().value
    if (!value) slices = undefined
    return { done: !value, value }
  }
  return { body: { head, rest: { read, cancel: async () => undefined } }, length }
}

/** The first `size` bytes in a longer piece of memory, of which only what is written counts. */
async function roomier(bytes: Uint8Array, size: number, length: number): Promise<Uint8Array> {
  const longer = Buffer.allocUnsafeSlow(length)
  for (let at = 0; at < size; at += COPY_BYTES) {
    if (at > 0) await nextTurn()
    longer.set(bytes.subarray(at, Math.min(at + COPY_BYTES, size)), at)
  }
  return longer
}

function* sliced(pieces: readonly Uint8Array[]): Generator<Uint8Array, undefined> {
  for (const piece of pieces)
    for (let at = 0; at < piece.length; at += PIECE_BYTES) yield piece.subarray(at, at + PIECE_BYTES)
}

/** What is left of a body that is not read is of no interest. */
const ignored = () => undefined
