import type { Slot } from '../protocol/exchange.ts'
import type { Lease } from './leases.ts'

/** What a process knows of one caller. */
export interface Caller {
  /** Requests that have a slot here, or are waiting for one. */
  open: number
  /** Statements under way that may bring one more. */
  asking: number
  /** What this process has leased, by number. */
  readonly leased: Map<number, Lease>
  /** Of those, the ones that no request uses; the latest last. */
  readonly idle: Lease[]
}

/** Which slots this process has, and which of them no request uses. Memory alone. */
export function held(now: () => number) {
  const callers = new Map<string, Caller>()
  const resting = new Map<Lease, 'new' | 'aged'>()

  // A lease that ran out may have been taken anew, by this process too: whoever has the number now counts.
  const has = (slot: Slot): boolean => callers.get(slot.owner)?.leased.get(slot.number) === slot

  function tidy(owner: string): void {
    const caller = callers.get(owner)
    if (caller?.open === 0 && caller.leased.size === 0) callers.delete(owner)
  }

  return {
    has,
    isAsking: (owner: string) => (callers.get(owner)?.asking ?? 0) > 0,
    isEmpty: () => callers.size === 0,
    /** Counts one request more; `undefined` where as many are open as may be. */
    enter: (owner: string, limit: number): Caller | undefined => {
      const caller = callers.get(owner) ?? { open: 0, asking: 0, leased: new Map(), idle: [] }
      if (caller.open >= limit) return undefined
      callers.set(owner, caller)
      caller.open++
      return caller
    },
    /** Counts one request less. */
    leave: (owner: string): void => {
      const caller = callers.get(owner)
      if (caller) caller.open--
      tidy(owner)
    },
    /** A slot that is here and good. */
    reuse: ({ idle }: Caller): Lease | undefined => {
      const last = idle.at(-1)
      if (!last || !has(last) || last.expiresAt <= now()) return undefined
      return resting.delete(last) ? idle.pop() : undefined
    },
    keep: ({ leased }: Caller, lease: Lease) => leased.set(lease.number, lease),
    /** Lays a slot by for the caller's next request; not if it is lost. */
    rest: (slot: Slot): void => {
      const caller = callers.get(slot.owner)
      const lease = caller?.leased.get(slot.number)
      if (!caller || !lease || lease !== slot) return
      caller.idle.push(lease)
      resting.set(lease, 'new')
    },
    /** Takes out what was idle at the last call already. */
    aged: (): Lease[] => {
      const found: Lease[] = []
      for (const [lease, since] of resting)
        if (since === 'new') resting.set(lease, 'aged')
        else found.push(lease)
      for (const lease of found) {
        resting.delete(lease)
        const idle = callers.get(lease.owner)?.idle
        idle?.splice(idle.indexOf(lease), 1)
      }
      return found
    },
    isResting: () => resting.size > 0,
    /** Forgets slots that were given back. */
    drop: (batch: readonly Lease[]): void => {
      for (const lease of batch.filter(has)) {
        callers.get(lease.owner)?.leased.delete(lease.number)
        tidy(lease.owner)
      }
    },
    /** Notes a renewal; a slot whose time was over by then may be another's now. */
    prolonged: ({ at, expiresAt }: { at: number; expiresAt: number }): void => {
      const all = [...callers.values()].flatMap(({ leased }) => [...leased.values()])
      for (const lease of all) if (lease.expiresAt > at) lease.expiresAt = expiresAt
    },
  }
}
