import type { Slot } from '../protocol/exchange.ts'
import { faultOf, type Log } from '../protocol/log.ts'
import type { Store } from '../store/store.ts'
import { type Caller, held } from './held.ts'
import { GIVEN_AT_ONCE, type Lease, leases } from './leases.ts'

interface Deps {
  store: Store
  now: () => number
  log: Log
  /** Requests that a caller may have open at once, at least 1. */
  limit: number
  /** Names this process among all that share the database: a random id, for pids come again. */
  process: string
}

/** The requests that callers have open, counted by all processes on the database. */
export interface Slots {
  /** Requests that a caller may have open at once. */
  readonly limit: number
  /** Takes a slot, without a wait where one is here; `undefined` if all of the caller's are taken. */
  acquire(owner: string): Slot | undefined | Promise<Slot | undefined>
  /** Gives a slot back: once for each that was taken. */
  release(slot: Slot): void
  /** Prolongs what this process has: to be called every ten seconds. What fails is in the log. */
  renew(): Promise<void>
  /** Forgets what killed processes had. */
  sweep(): Promise<void>
  /** Gives everything back, for good. */
  close(): Promise<void>
}

// A slot given back stays here for one tick, two at most, and the caller's next request takes it without a statement.
const TICK_MS = 40
// So it may be one that idles in another process that stands in a request's way: by then it is free.
const AGAIN_MS = 120
// A statement takes no longer.
const UNDER_WAY_MS = 10_000
// After a failure.
const RETRY_MS = 250

/**
 * A limit on each caller's open requests that is exact between processes: whoever has a slot in use has a lease of it.
 * Memory decides only which of a process's own leases are in use.
 */
export function slots({ store, now, log, limit, process }: Deps): Slots {
  const rows = leases({ store, now, limit, process })
  const own = held(now)
  let leaving: readonly Lease[] = []
  let giving: Promise<void> | undefined
  let ticking: ReturnType<typeof setTimeout> | undefined
  let closed = false

  async function lease(owner: string, caller: Caller): Promise<Lease | undefined> {
    while (giving) await giving.catch(() => undefined)
    caller.asking++
    try {
      const lease = await rows.take(owner)
      if (lease) own.keep(caller, lease)
      return lease
    } finally {
      caller.asking--
    }
  }

  async function ask(owner: string, caller: Caller): Promise<Lease | undefined> {
    let found: Lease | undefined
    try {
      found = await lease(owner, caller)
      if (found) return found
      await Bun.sleep(AGAIN_MS)
      found = own.reuse(caller) ?? (await lease(owner, caller))
      return found
    } finally {
      if (!found) own.leave(owner)
    }
  }

  async function tick(): Promise<void> {
    leaving = [...leaving, ...own.aged()]
    const failed = await giveBack().catch(error => {
      if (!closed) log('error', 'slots_failed', { fault: faultOf(error) })
      return true
    })
    const more = !closed && (own.isResting() || leaving.length > 0)
    ticking = more ? setTimeout(tick, failed ? RETRY_MS : TICK_MS) : undefined
  }

  /** What fails to be given back is tried again, and not used again: the write may have been stored nevertheless. */
  async function giveBack(): Promise<false> {
    for (;;) {
      const batch = new Set(leaving.filter(mayLeave).slice(0, GIVEN_AT_ONCE))
      if (batch.size === 0) return false
      giving = rows.give([...batch], own.has).finally(() => {
        giving = undefined
      })
      await giving
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
    limit,
    acquire: owner => {
      const caller = own.enter(owner, limit)
      return caller && (own.reuse(caller) ?? ask(owner, caller))
    },
    release: slot => {
      own.rest(slot)
      own.leave(slot.owner)
      if (!closed && own.isResting()) ticking ??= setTimeout(tick, TICK_MS)
    },
    renew: async () => {
      if (own.isEmpty()) return
      await rows
        .prolong()
        .then(own.prolonged)
        .catch(error => log('error', 'slots_failed', { fault: faultOf(error) }))
    },
    sweep: rows.sweep,
    close: async () => {
      closed = true
      clearTimeout(ticking)
      await rows.clear()
    },
  }
}
