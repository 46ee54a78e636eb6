import type { BodyEnd, Exchange } from '../../protocol/exchange.ts'
import { tapped } from '../../upstream/stream.ts'
import type { Pages } from './pages.ts'

/** Members of an export that are told at once. */
export type Whole = Readonly<Record<string, unknown>>

/** One JSON object in pieces: first what is told at once, then what is kept by owner, a page at a time. */
export async function* exported(whole: Whole, owner: string, lists: readonly Pages[]): AsyncGenerator<string> {
  yield JSON.stringify(whole).slice(0, -1)
  for (const { name, of } of lists) {
    let before = ''
    yield `,${JSON.stringify(name)}:[`
    for await (const rows of of(owner)) {
      if (rows.length === 0) continue
      yield before + rows.map(row => JSON.stringify(row)).join(',')
      before = ','
    }
    yield ']'
  }
  yield '}\n'
}

interface Watch {
  request: Request
  exchange: Exchange
  now: () => number
}

/** An answer whose body is made as its client reads it; a fault on the way breaks it off. */
export function streamed(pieces: AsyncGenerator<string>, { request, exchange, now }: Watch): Response {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  if (request.method === 'HEAD') return new Response(null, { headers })
  exchange.streaming = true
  const source = {
    complete: true,
    destroy: () => pieces.return(undefined),
    [Symbol.asyncIterator]: () => inBytes(pieces),
  }
  const ended = (end: BodyEnd) => exchange.settle({ ...end, status: 200 })
  return new Response(tapped(source, { now, signal: request.signal, ended }), { headers })
}

async function* inBytes(pieces: AsyncGenerator<string>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) yield Buffer.from(piece)
}
