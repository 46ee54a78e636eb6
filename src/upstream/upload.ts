import type { Body } from './body.ts'
import type { Outbox } from './outbox.ts'

/** What a request goes up by. */
export interface Outlet {
  readonly outbox: Pick<Outbox, 'write' | 'onDrain'>
  /** Whether the request is whole. */
  isSent: boolean
  /** Called once, when the request is over: nothing more of it goes anywhere. */
  onOver: (() => void) | undefined
}

interface Watch {
  /** Called before each wait for the client's next bytes. */
  waiting: () => void
  /** Called before each wait for the upstream to read on. */
  blocked: () => void
  /** Called when the request's last byte has been handed over. */
  sent: () => void
  /** Called with the reason when the client breaks off, or its body may not go on. */
  broken: (reason: unknown) => void
}

const LAST_CHUNK = Buffer.from('0\r\n\r\n')
/** What is copied, so that it leaves in one packet with what is before it. */
const COPIED_BYTES = 65_536

/**
 * Hands a head and the client's body to the upstream as that arrives, no faster than it is read; a body of another length
 * than its head tells is broken. Never throws.
 */
export async function upload(head: string, body: Body, outlet: Outlet, watch: Watch): Promise<void> {
  const told = LENGTH.exec(head)?.[1]
  const length = told === undefined ? undefined : Number(told)
  const isChunked = length === undefined
  if (body.rest) {
    const { rest } = body
    // Not asked of the outlet, which another request may have by then.
    let isOver = false
    outlet.onOver = () => {
      isOver = true
      rest.cancel().catch(ignored)
    }
    try {
      await copy(head, { head: body.head, rest }, { length, outlet, watch, isOver: () => isOver })
    } catch (reason) {
      if (!isOver) watch.broken(reason)
      return
    }
    if (isOver) return
    outlet.onOver = undefined
    if (isChunked) outlet.outbox.write(LAST_CHUNK)
  } else if (isChunked || length === body.head.length) put(outlet, head, body.head, isChunked, isChunked)
  else return watch.broken(otherLength())
  outlet.isSent = true
  watch.sent()
}

const LENGTH = /\r\ncontent-length:(.*)\r\n/i

interface Way {
  /** Of the whole body, where its head tells one. */
  length: number | undefined
  outlet: Outlet
  watch: Watch
  isOver: () => boolean
}

/** Hands the whole body over, unless the request ends first. @throws Error for another length than told */
async function copy(
  head: string,
  { head: first, rest }: Required<Body>,
  { length, outlet, watch, isOver }: Way,
): Promise<void> {
  const isChunked = length === undefined
  let before = head
  let left = length ?? Number.POSITIVE_INFINITY
  for (let next: Uint8Array | undefined = first; next; before = '') {
    left -= next.length
    if (left < 0) throw otherLength()
    if (!put(outlet, before, next, isChunked, false)) {
      watch.blocked()
      await room(outlet)
      if (isOver()) return
    }
    watch.waiting()
    const { value } = await rest.read()
    if (isOver()) return
    next = value
  }
  if (!(isChunked || left === 0)) throw otherLength()
}

/** What is too long would be the beginning of another request, and what is too short would take one in. */
const otherLength = () => new Error('a body of another length than told')

function room(outlet: Outlet): Promise<void> {
  return new Promise(resolve => {
    outlet.outbox.onDrain = resolve
  })
}

/** Writes a piece of the body behind what is before it, as a chunk where it is to be one, perhaps the last one. */
function put(outlet: Outlet, before: string, piece: Uint8Array, isChunked: boolean, isLast: boolean): boolean {
  const isChunk = isChunked && piece.length > 0
  const begin = isChunk ? `${before}${piece.length.toString(16)}\r\n` : before
  const end = `${isChunk ? '\r\n' : ''}${isLast ? '0\r\n\r\n' : ''}`
  if (begin === '' && end === '') return outlet.outbox.write(piece)
  if (piece.length > COPIED_BYTES) {
    outlet.outbox.write(Buffer.from(begin, 'latin1'))
    const isFree = outlet.outbox.write(piece)
    return end === '' ? isFree : outlet.outbox.write(Buffer.from(end))
  }
  const bytes = Buffer.allocUnsafe(begin.length + piece.length + end.length)
  bytes.write(begin, 0, 'latin1')
  bytes.set(piece, begin.length)
  bytes.write(end, begin.length + piece.length, 'latin1')
  return outlet.outbox.write(bytes)
}

/** A body that was cut while it was being dropped is of no interest, but unhandled it would end the process. */
const ignored = () => undefined
