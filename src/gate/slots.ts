import type { Slot } from '../protocol/exchange.ts'
import { faultOf, type Log } from '../protocol/log.ts'
import type { Store } from '../store/store.ts'
import { giving } from './giving.ts'
import { type Caller, held } from './held.ts'
import { type Lease, leases } from './leases.ts'

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

// A slot that idles in another process may stand in a request's way: by then it is free.
const AGAIN_MS = 120

/**
 * A limit on each caller's open requests that is exact between processes: whoever has a slot in use has a lease of it.
 * Memory decides only which of a process's own leases are in use.
 */
export function slots({ store, now, log, limit, process }: Deps): Slots {
  const rows = leases({ store, now, limit, process })
  const own = held(now)
  const back = giving({ rows, own, now, log })

  async function lease(owner: string, caller: Caller): Promise<Lease | undefined> {
    await back.settled()
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

  return {
    limit,
    acquire: owner => {
      const caller = own.enter(owner, limit)
      return caller && (own.reuse(caller) ?? ask(owner, caller))
    },
    release: slot => {
      own.rest(slot)
      own.leave(slot.owner)
      back.soon()
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
      back.stop()
      await rows.clear()
    },
  }
}
