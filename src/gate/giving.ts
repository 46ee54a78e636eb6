import { faultOf, type Log } from '../protocol/log.ts'
import type { held } from './held.ts'
import { GIVEN_AT_ONCE, type Lease, type leases } from './leases.ts'

interface Deps {
  rows: Pick<ReturnType<typeof leases>, 'give'>
  own: ReturnType<typeof held>
  now: () => number
  log: Log
}

// A slot given back stays here for one tick, two at most, and the caller's next request takes it without a statement.
const TICK_MS = 40
// A statement takes no longer.
const UNDER_WAY_MS = 10_000
// After a failure.
const RETRY_MS = 250

/** Gives back, a batch at a time, the leases that no request of their caller took up again. */
export function giving({ rows, own, now, log }: Deps) {
  let leaving: readonly Lease[] = []
  let underWay: Promise<void> | undefined
  let ticking: ReturnType<typeof setTimeout> | undefined
  let stopped = false

  async function tick(): Promise<void> {
    leaving = [...leaving, ...own.aged()]
    const failed = await giveBack().catch(error => {
      if (!stopped) log('error', 'slots_failed', { fault: faultOf(error) })
      return true
    })
    const more = !stopped && (own.isResting() || leaving.length > 0)
    ticking = more ? setTimeout(tick, failed ? RETRY_MS : TICK_MS) : undefined
  }

  /** What fails to be given back is tried again, and not used again: the write may have been stored nevertheless. */
  async function giveBack(): Promise<false> {
    for (;;) {
      const batch = new Set(leaving.filter(mayLeave).slice(0, GIVEN_AT_ONCE))
      if (batch.size === 0) return false
      underWay = rows.give([...batch], own.has).finally(() => {
        underWay = undefined
      })
      await underWay
      own.drop([...batch])
      leaving = leaving.filter(lease => !batch.has(lease))
    }
  }

  // A number whose time is over may be taken anew, and whoever gave it back at the same moment would give back that:
  // so what may run out under way waits until its caller asks for nothing, and whoever asks waits for what is given.
  function mayLeave({ owner, expiresAt }: Lease): boolean {
    return expiresAt > now() + UNDER_WAY_MS || !own.isAsking(owner)
  }

  return {
    /** Resolves when nothing is being given back. */
    settled: async (): Promise<void> => {
      while (underWay !== undefined) await underWay.catch(() => undefined)
    },
    /** To be called when a slot was laid by. */
    soon: (): void => {
      if (!stopped && own.isResting()) ticking ??= setTimeout(tick, TICK_MS)
    },
    stop: (): void => {
      stopped = true
      clearTimeout(ticking)
    },
  }
}
