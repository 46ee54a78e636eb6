import { Elysia } from 'elysia'
import { neighbourhood } from '../protocol/addresses.ts'
import type { Exchange } from '../protocol/exchange.ts'
import { DAY_MS } from '../protocol/metering.ts'
import type { Meters } from '../protocol/meters.ts'
import { described, refuses } from '../protocol/openapi.ts'
import { addressOwnerOf } from '../protocol/principal.ts'
import { METERED } from '../protocol/routes.ts'
import type { InFlight } from './in-flight.ts'
import type { Ledger } from './ledger.ts'
import type { Limiter } from './limiter.ts'
import { ledgerFull, limitHeaders, overloaded, rateLimited, tokenLimitExceeded, tooManyOpen } from './refusals.ts'
import type { Slots } from './slots.ts'

interface Deps {
  /** Counts requests by caller; absent when that limit is off. */
  callers: Limiter | undefined
  /** Counts requests by address. */
  addresses: Limiter
  /** Counts tokens. */
  ledger: Ledger
  /** Tokens that a caller may use in a UTC day; 0 sets no limit. */
  tokenLimit: number
  /** Counts the open requests of a caller; absent when that limit is off. */
  slots: Slots | undefined
  /** Counts the requests of all callers that are under way. */
  inFlight: InFlight
  meters: Pick<Meters, 'limited'>
  now: () => number
  identityKey: Uint8Array
  exchangeOf: (request: Request) => Exchange
}

interface Asked {
  request: Request
  /** Its template. */
  route: string
}

const REFUSALS = ['rate_limited', 'database_unavailable'] as const

/**
 * Declares on a route that each request takes a token from a bucket: `limited: 'address'` from the one that its address
 * has for that route; `limited: 'caller'` from its caller's, beside `access`, and then holds one of the caller's slots.
 * Where answers cost tokens, those that the caller used today count too.
 */
export const limited = (deps: Deps) => {
  const { addresses, identityKey, meters, exchangeOf } = deps
  const limitAddress = ({ request, route }: Asked): Promise<void> => {
    const exchange = exchangeOf(request)
    const owner = addressOwnerOf(identityKey, route, neighbourhood(exchange.address()))
    return takeToken(exchange, addresses, owner, isAllowed => meters.limited('address', isAllowed))
  }
  const limitCaller = ({ request, route }: Asked) => boundCaller(exchangeOf(request), route, deps)
  return new Elysia({ name: 'limited' }).macro({
    limited: (by: 'caller' | 'address') => ({
      detail: described(() =>
        refuses(by === 'caller' ? [...REFUSALS, 'concurrent_limit_exceeded', 'overloaded'] : REFUSALS),
      ),
      beforeHandle: by === 'caller' ? limitCaller : limitAddress,
    }),
  })
}

/** What it enters and holds is given back when the exchange is over, whatever becomes of it here. */
async function boundCaller(exchange: Exchange, route: string, deps: Deps): Promise<void> {
  const { callers, ledger, tokenLimit, slots, inFlight, meters } = deps
  if (!exchange.principal) throw new TypeError('a limited route declares no access')
  const { owner } = exchange.principal
  exchange.inFlight = inFlight.enter()
  meters.limited('in_flight', exchange.inFlight)
  if (!exchange.inFlight) throw overloaded()
  // What could not be booked is not let through.
  if (ledger.isFull) throw ledgerFull()
  if (callers) {
    await takeToken(exchange, callers, owner, isAllowed => meters.limited('requests', isAllowed))
    exchange.charged = true
  }
  if (tokenLimit > 0 && METERED.has(route)) await limitTokens(exchange, owner, deps)
  if (!slots) return
  exchange.slot = await slots.acquire(owner)
  meters.limited('open', exchange.slot !== undefined)
  if (!exchange.slot) throw tooManyOpen(slots.limit)
}

async function takeToken(
  { headers }: Exchange,
  limiter: Limiter,
  owner: string,
  tell: (isAllowed: boolean) => void,
): Promise<void> {
  const { allowed, remaining, resetMs, retryMs } = await limiter.take(owner)
  tell(allowed)
  Object.assign(headers, limitHeaders('requests', { limit: limiter.rpm, left: remaining, waitMs: resetMs }))
  if (!allowed) throw rateLimited(retryMs, limiter.rpm)
}

async function limitTokens(
  { headers }: Exchange,
  owner: string,
  { ledger, tokenLimit, meters, now }: Deps,
): Promise<void> {
  const at = now()
  const spent = await ledger.spent(owner, at)
  meters.limited('tokens', spent < tokenLimit)
  const waitMs = DAY_MS - (at % DAY_MS)
  Object.assign(headers, limitHeaders('tokens', { limit: tokenLimit, left: tokenLimit - spent, waitMs }))
  if (spent >= tokenLimit) throw tokenLimitExceeded(tokenLimit, waitMs)
}
