import type { End, Exchange } from '../protocol/exchange.ts'
import { faultOf, type Log, ownerTagOf } from '../protocol/log.ts'
import type { Meters } from '../protocol/meters.ts'
import { METERED } from '../protocol/routes.ts'
import { estimate, type Usage } from '../protocol/usage.ts'
import type { Bans } from './bans.ts'
import type { Entry } from './batch.ts'
import type { InFlight } from './in-flight.ts'
import type { Ledger } from './ledger.ts'
import type { Limiter } from './limiter.ts'
import type { Receipts } from './receipts.ts'
import type { Slots } from './slots.ts'

interface Deps {
  ledger: Ledger
  /** Absent when the rate limit is off. */
  callers: Limiter | undefined
  /** Absent where that limit is off. */
  slots: Slots | undefined
  inFlight: InFlight
  receipts: Pick<Receipts, 'finish'>
  bans: Pick<Bans, 'leave'>
  meters: Pick<Meters, 'ended' | 'used'>
  log: Log
}

const NOTHING: Usage = {
  model: undefined,
  prompt: 0,
  completion: 0,
  cached: 0,
  cost: undefined,
  estimated: false,
}

/**
 * What is done when an exchange is over: whatever it held is given back, its rate token too if it cost nothing, and it is
 * booked if it reached an enclave, with its receipt; one that reached none has its receipt alone.
 */
export function settle({ ledger, callers, slots, inFlight, receipts, bans, meters, log }: Deps) {
  return (exchange: Exchange, end: End): void => {
    bans.leave(exchange)
    if (exchange.inFlight) inFlight.leave()
    if (exchange.slot) slots?.release(exchange.slot)
    meters.ended(exchange, end)
    const { principal, charged } = exchange
    if (!principal) return
    const { owner } = principal
    const entry = entryOf(exchange, owner, end)
    if (entry) meters.used(exchange, entry.usage)
    const receipt = receipts.finish(exchange, end)
    if (entry || receipt) ledger.enter(entry, receipt)
    if (charged && isFree(end.status))
      callers?.refund(owner).catch(error => {
        log('warn', 'refund_failed', { owner: ownerTagOf(owner), fault: faultOf(error) })
      })
  }
}

/** What is booked of an exchange: nothing of one that reached nobody. */
function entryOf(exchange: Exchange, owner: string, end: End): Entry | undefined {
  const { reached, backend, route, startedAt, bytesUp, chatId } = exchange
  if (!(reached && backend && route)) return undefined
  const { status, ending, bytes } = end
  return {
    ...{ owner, at: startedAt, backend, route, status, ending, bytesUp, bytesDown: bytes, chatId },
    usage: usageOf(exchange, end),
  }
}

/** Whether an answer of this status costs its caller nothing. */
const isFree = (status: number): boolean => status === 422 || status === 429 || status >= 500

function usageOf(exchange: Exchange, { status, ending }: End): Usage {
  const { usage, route = '', code } = exchange
  if (isFree(status)) return usage ? { ...NOTHING, model: usage.model } : NOTHING
  if (usage) return usage
  // One that was left, or cut, before the answer may have cost as much as one after it.
  const isAnswered = status < 300 || status === 499 || code === 'account_restricted'
  return METERED.has(route) && isAnswered && ending !== 'failed' ? estimate(exchange) : NOTHING
}
