import { and, eq, gt, lte, or, sql } from 'drizzle-orm'
import type { Slot } from '../protocol/exchange.ts'
import { late } from '../store/late.ts'
import { slots } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

/** A slot that a process has until its time runs out, in milliseconds since the epoch. */
export interface Lease extends Slot {
  expiresAt: number
}

interface Deps {
  store: Store
  now: () => number
  /** Slots of each caller, at least 1. */
  limit: number
  /** Names this process among all that share the database: a random id, for pids come again. */
  process: string
}

// One renewal may fail before a running process loses its slots; those of a killed one are free in less than 30 s.
const LEASE_MS = 25_000
/** Slots that are given back at once, at most. */
export const GIVEN_AT_ONCE = 50

/**
 * The slots of all callers as rows, exact for all processes on the database: (owner, number) is the key, and a number
 * is taken only where it has no row, or one whose lease is over.
 */
export function leases({ store, now, limit, process }: Deps) {
  const { take, live, prolong, sweep, clear } = late(() => statements(store, limit, process))
  const { give } = late(() => ({ give: giveStatement(store, process) }))

  async function takeLowest(owner: string): Promise<Lease | undefined> {
    let expiresAt = 0
    const [row] = await store.share(() => {
      const at = now()
      expiresAt = at + LEASE_MS
      return take.execute({ owner, now: at, expiresAt })
    })
    return row && { owner, number: row.number, expiresAt }
  }

  return {
    /** The caller's lowest free slot, `undefined` if there is none. */
    take: async (owner: string): Promise<Lease | undefined> => {
      for (;;) {
        const lease = await takeLowest(owner)
        if (lease) return lease
        // On PostgreSQL two may want the same number, and the second gets none though the next one is free: it tries
        // again. Each time somebody else got one, so that this ends.
        const [row] = await store.ask(() => live.execute({ owner, now: now() }))
        if ((row?.count ?? 0) >= limit) return undefined
      }
    },
    /** Frees those of up to {@link GIVEN_AT_ONCE} slots that this process still has when it comes to it. */
    give: async (batch: readonly Slot[], isHeld: (slot: Slot) => boolean): Promise<void> => {
      await store.ask(() => {
        const given = batch.filter(isHeld)
        return give.execute(Object.fromEntries(PLACES.flatMap(at => named(at, given[at]))))
      })
    },
    /** Prolongs all that this process has; tells from when, and until when. */
    prolong: async (): Promise<{ at: number; expiresAt: number }> => {
      let at = 0
      await store.ask(() => {
        at = now()
        return prolong.execute({ expiresAt: at + LEASE_MS })
      })
      return { at, expiresAt: at + LEASE_MS }
    },
    /** Forgets whatever has run out, and what a clock that stepped back left far ahead: what lives has been renewed. */
    sweep: async (): Promise<void> => {
      await store.ask(() => {
        const at = now()
        return sweep.execute({ now: at, beyond: at + 2 * LEASE_MS })
      })
    },
    /** Frees all that this process has. */
    clear: async (): Promise<void> => {
      await store.ask(() => clear.execute())
    },
  }
}

const PLACES = Array.from({ length: GIVEN_AT_ONCE }, (_, at) => at)

/** A slot's parameters at a place of a batch; of no slot where there is none. */
function named(at: number, { owner, number }: Slot = { owner: '', number: 0 }): [string, string | number][] {
  return [
    [`owner${at}`, owner],
    [`number${at}`, number],
  ]
}

function statements({ db }: Store, limit: number, process: string) {
  const [owner, now] = [sql.placeholder('owner'), sql.placeholder('now')]
  // Not every engine infers the type of a parameter in a SELECT.
  const expiresAt = sql`CAST(${sql.placeholder('expiresAt')} AS BIGINT)`
  const mine = eq(slots.process, process)
  // The lowest free number is 1, or follows one that is not.
  const lowest = sql`SELECT ${owner}, number, ${process}, ${expiresAt} FROM (
    SELECT 1 AS number UNION ALL
    SELECT number + 1 FROM slots WHERE owner = ${owner} AND number < ${sql.raw(String(limit))}
  ) AS candidates WHERE NOT EXISTS (
    SELECT 1 FROM slots AS taken
    WHERE taken.owner = ${owner} AND taken.number = candidates.number AND taken.expires_at > ${now}
  ) ORDER BY number LIMIT 1`
  return {
    /** One row if there was a free number, none (and nothing written) if not. */
    take: db
      .insert(slots)
      .select(lowest)
      .onConflictDoUpdate({
        target: [slots.owner, slots.number],
        set: { process, expiresAt },
        setWhere: lte(slots.expiresAt, now),
      })
      .returning({ number: slots.number })
      .prepare(),
    live: db
      .select({ count: sql`count(*)`.mapWith(Number) })
      .from(slots)
      .where(and(eq(slots.owner, owner), lte(slots.number, limit), gt(slots.expiresAt, now)))
      .prepare(),
    prolong: db.update(slots).set({ expiresAt }).where(mine).prepare(),
    sweep: db
      .delete(slots)
      .where(or(lte(slots.expiresAt, now), gt(slots.expiresAt, sql.placeholder('beyond'))))
      .prepare(),
    clear: db.delete(slots).where(mine).prepare(),
  }
}

// Prepared, with places for a whole batch: put together for each, it costs more than all the rest.
function giveStatement({ db }: Store, process: string) {
  const these = PLACES.map(at => {
    const [owner, number] = [sql.placeholder(`owner${at}`), sql.placeholder(`number${at}`)]
    return sql`(CAST(${owner} AS TEXT), CAST(${number} AS BIGINT))`
  })
  return db
    .delete(slots)
    .where(
      sql`${eq(slots.process, process)} AND (${slots.owner}, ${slots.number}) IN (VALUES ${sql.join(these, sql`, `)})`,
    )
    .prepare()
}
