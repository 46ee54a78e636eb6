import type { Exchange } from '../protocol/exchange.ts'
import { openBody } from './body.ts'
import { readWhole } from './whole.ts'

/** How JSON bodies are read. */
export interface Reading {
  /** A body as it may go up, in pieces. @throws Problem where it names what its caller may not. */
  judge: (body: Uint8Array, exchange: Exchange) => Promise<readonly Uint8Array[]>
  /** The longest request body. */
  maxBodyBytes: number
  /** The longest one that is read. */
  maxJsonBytes: number
  /** Milliseconds without a byte of its body after which a client is given up. */
  stallMs: number
}

/**
 * A request's JSON body, whole and judged, in pieces; an empty one is nobody's to judge.
 * @throws Problem `body_too_large`, `request_stalled`, `client_gone`, or what the judge says
 */
export async function readJudged(
  request: Request,
  exchange: Exchange,
  reading: Reading,
): Promise<readonly Uint8Array[]> {
  const { judge, stallMs, maxBodyBytes, maxJsonBytes } = reading
  const took = (piece: Uint8Array | undefined) => exchange.took(piece)
  const maxBytes = Math.min(maxJsonBytes, maxBodyBytes)
  const body = await openBody(request, { stallMs, maxBytes, took, isEnough: () => true })
  const bytes = await readWhole(body, request.signal, stallMs)
  return bytes.length > 0 ? judge(bytes, exchange) : []
}
