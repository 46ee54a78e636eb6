import { and, eq, gt, inArray, lt, sql } from 'drizzle-orm'
import { limits } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

interface Deps {
  store: Store
  now: () => number
  /** Requests a minute, at least 1. */
  rpm: number
  /** Requests at once, at least 1. */
  burst: number
}

/** What the limiter said to one request; times in milliseconds. */
export interface Verdict {
  readonly allowed: boolean
  /** Whole requests left in the bucket now. */
  readonly remaining: number
  /** Until the bucket is full. */
  readonly resetMs: number
  /** Until a refused request would be allowed; 0 for an allowed one. */
  readonly retryMs: number
}

/** A rate limit per owner that outlives the process and is shared by all that use the database. */
export interface Limiter {
  take(owner: string): Promise<Verdict>
  /** Forgets the rows of buckets that are full again. */
  sweep(): Promise<void>
}

const SWEEP_ROWS = 500

/**
 * The generic cell rate algorithm (ITU-T I.371), the token bucket's equivalent: a row holds only the time at which the
 * bucket will be full. Times are whole microseconds, so that no rate is rounded by more than a millionth.
 */
export function limiter({ store, now, rpm, burst }: Deps): Limiter {
  const step = Math.round(60_000_000 / rpm)
  const depth = step * burst
  const { take, peek, clamp, sweep } = statements(store)

  /** Past the refusal: when the bucket will be full, never more than its depth away. */
  async function refusedAt(owner: string, at: number): Promise<number> {
    const [row] = await store.ask(() => peek.all({ owner }))
    const fullAt = row?.fullAt ?? at
    if (fullAt <= at + depth) return fullAt
    // Only a clock that stepped back, or a smaller burst, leaves a time beyond the depth: nobody waits for that.
    await store.ask(() => clamp.run({ owner, full: at + depth }))
    return at + depth
  }

  return {
    take: async owner => {
      const at = now() * 1000
      const [row] = await store.ask(() => take.all({ owner, now: at, step, full: at + depth, first: at + step }))
      const fullAt = row?.fullAt ?? (await refusedAt(owner, at))
      const wait = Math.max(0, fullAt - at)
      return {
        allowed: row !== undefined,
        remaining: Math.max(0, Math.floor((depth - wait) / step)),
        resetMs: wait / 1000,
        retryMs: row ? 0 : Math.max(1, (wait + step - depth) / 1000),
      }
    },
    sweep: async () => {
      const before = now() * 1000
      while ((await store.ask(() => sweep.all({ before }))).length === SWEEP_ROWS) await Bun.sleep(0)
    },
  }
}

function statements({ db }: Store) {
  const [owner, now, step] = ['owner', 'now', 'step'].map(name => sql.placeholder(name))
  const full = sql.placeholder('full')
  // CASE in place of max(a, b): the two engines name that function differently.
  const next = sql`CASE WHEN ${limits.fullAt} > ${now} THEN ${limits.fullAt} ELSE ${now} END + ${step}`
  const stale = db
    .select({ owner: limits.owner })
    .from(limits)
    .where(lt(limits.fullAt, sql.placeholder('before')))
  return {
    /** One row if the request is allowed, none (and nothing written) if it is not. */
    take: db
      .insert(limits)
      .values({ owner: sql`${owner}`, fullAt: sql`${sql.placeholder('first')}` })
      .onConflictDoUpdate({ target: limits.owner, set: { fullAt: next }, setWhere: sql`${next} <= ${full}` })
      // all(), not get(): bun:sqlite's get() on a RETURNING write never checkpoints the WAL.
      .returning({ fullAt: limits.fullAt })
      .prepare(),
    peek: db
      .select({ fullAt: limits.fullAt })
      .from(limits)
      .where(eq(limits.owner, sql`${owner}`))
      .prepare(),
    clamp: db
      .update(limits)
      .set({ fullAt: sql`${full}` })
      .where(and(eq(limits.owner, sql`${owner}`), gt(limits.fullAt, sql`${full}`)))
      .prepare(),
    sweep: db
      .delete(limits)
      .where(inArray(limits.owner, stale.limit(SWEEP_ROWS)))
      .returning({ owner: limits.owner })
      .prepare(),
  }
}
