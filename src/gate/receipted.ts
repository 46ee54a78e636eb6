import { Elysia } from 'elysia'
import type { Exchange } from '../protocol/exchange.ts'
import type { Detail } from '../protocol/openapi.ts'
import type { Receipts } from './receipts.ts'

interface Deps {
  receipts: Pick<Receipts, 'begin'>
  exchangeOf: (request: Request) => Exchange
}

const DETAIL: Detail = { 'x-receipted': true }

/**
 * Declares on a route that each of its requests has a receipt, whatever becomes of it: on those that carry to a backend what
 * a caller says, and back what it answers. It stands after `limited`, for what a limit refuses must not cost a write.
 */
export const receipted = ({ receipts, exchangeOf }: Deps) =>
  new Elysia({ name: 'receipted' }).macro({
    receipted: (_: true) => ({
      detail: DETAIL,
      beforeHandle: ({ request }: { request: Request }) => receipts.begin(exchangeOf(request), request),
    }),
  })
