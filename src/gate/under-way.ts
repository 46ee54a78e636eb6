import type { Exchange } from '../protocol/exchange.ts'
import { type Log, ownerTagOf } from '../protocol/log.ts'
import type { Ends } from './ban-rows.ts'
import { restricted } from './refusals.ts'

/** The exchanges of callers that may be banned while they last. */
export interface UnderWay {
  /** @throws Problem `account_restricted` */
  enter(exchange: Exchange, ends: Ends): void
  leave(exchange: Exchange): void
  /** Cuts those of whoever is banned. */
  cut(ends: Ends): void
}

interface Deps {
  now: () => number
  log: Log
}

/** None, to begin with. */
export function underWay({ now, log }: Deps): UnderWay {
  const open = new Set<Exchange>()
  // By the clock, so that one ends in time though nobody reads.
  const banOf = ({ principal }: Exchange, ends: Ends) => {
    if (!principal) return undefined
    const { owner } = principal
    const until = ends.get(owner)
    return until === undefined || (until !== null && until <= now()) ? undefined : { owner, until }
  }
  return {
    enter: (exchange, ends) => {
      const ban = banOf(exchange, ends)
      if (ban) throw restricted(ban.until, now())
      open.add(exchange)
    },
    leave: exchange => {
      open.delete(exchange)
    },
    cut: ends => {
      if (ends.size === 0) return
      const counts = new Map<string, number>()
      for (const exchange of open) {
        const ban = banOf(exchange, ends)
        if (!ban) continue
        open.delete(exchange)
        // What is left of its body would hold the connection (RFC 9110 section 15.5.9).
        exchange.cut(restricted(ban.until, now(), { connection: 'close' }))
        counts.set(ban.owner, (counts.get(ban.owner) ?? 0) + 1)
      }
      for (const [owner, streams] of counts) log('info', 'owner_cut', { owner: ownerTagOf(owner), streams })
    },
  }
}
