import type { Exchange } from '../protocol/exchange.ts'
import { openBody } from './body.ts'
import { readWhole } from './whole.ts'

const MOST_BYTES = 262_144

/** Reads the whole body of a request that is meant for the gateway itself. */
export type OwnBody = (request: Request, exchange: Exchange) => Promise<Uint8Array>

/**
 * Reads bodies of 256 KiB at most.
 * @throws Problem `body_too_large`, `request_stalled` or `client_gone`
 */
export function ownBody(stallMs: number): OwnBody {
  return async (request, exchange) => {
    const took = (piece: Uint8Array | undefined) => exchange.took(piece)
    const body = await openBody(request, { stallMs, maxBytes: MOST_BYTES, took, isEnough: () => true })
    return readWhole(body, request.signal, stallMs)
  }
}
