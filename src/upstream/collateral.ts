import { type Log, wordsOf } from '../protocol/log.ts'
import { type Collateral, platformNamedIn } from '../tee/collateral.ts'
import type { FetchCollateral } from './pcs.ts'

/** What Intel publishes about the platform that made a quote; nothing, where it cannot be had. It never throws. */
export type CollateralOf = (quote: Uint8Array) => Promise<Collateral | undefined>

interface Deps {
  fetchCollateral: FetchCollateral
  now: () => number
  log: Log
}

// Intel's documents are in force for 30 days.
const KEPT_MS = 86_400_000
// Whoever publishes them and does not answer is left alone for so long.
const RETRY_MS = 60_000

/** Of the platform that this gateway runs on: fetched once a day; while that fails, what was fetched last. */
export function keptCollateral({ fetchCollateral, now, log }: Deps): CollateralOf {
  let last: Collateral | undefined
  let due = Number.NEGATIVE_INFINITY
  let inFlight: Promise<void> | undefined

  async function fetched(quote: Uint8Array): Promise<void> {
    const platform = platformNamedIn(quote)
    if (!platform) return
    try {
      last = await fetchCollateral(platform)
      due = now() + KEPT_MS
    } catch (error) {
      due = now() + RETRY_MS
      log('warn', 'collateral_failed', wordsOf(error))
    }
  }

  return async quote => {
    const isDue = now() >= due || due - now() > KEPT_MS
    if (isDue) inFlight ??= fetched(quote).finally(() => (inFlight = undefined))
    // Nobody waits for what is only newer.
    if (!last) await inFlight
    return last
  }
}
