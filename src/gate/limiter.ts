import { and, eq, inArray, lt, or, sql } from 'drizzle-orm'
import { late } from '../store/late.ts'
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
  /** Requests a minute. */
  readonly rpm: number
  take(owner: string): Promise<Verdict>
  /** Gives back what a request took; at most a whole bucket in any minute. */
  refund(owner: string): Promise<void>
  /** Forgets the rows of buckets that are full again, once their refunds no longer count. */
  sweep(): Promise<void>
}

const SWEEP_ROWS = 500
const MINUTE = 60_000_000

/**
 * The generic cell rate algorithm (ITU-T I.371), the token bucket's equivalent: a row holds only the time at which the
 * bucket will be full. Times are whole microseconds, so that no rate is rounded by more than a millionth.
 *
 * Its law, for all that share a database: over any stretch of time a caller is allowed at most `burst` requests and
 * `rpm` for each minute in it. A clock that steps on counts as time, so it gives at most one full bucket; one that steps
 * back gives nothing, and empties the bucket at most: no wait that is told is longer than one request takes to refill.
 *
 * A refund undoes one admission, `burst` of them at most in any minute: the count starts anew only when there was none
 * for a minute. So what the law bounds is admissions less refunds.
 */
export function limiter({ store, now, rpm, burst }: Deps): Limiter {
  const step = Math.round(60_000_000 / rpm)
  const depth = step * burst
  const { take, peek, clamp, refund, sweep } = late(() => statements(store))

  const clock = () => now() * 1000

  /** When the bucket will be full, as a refusal tells it: never more than its depth away. */
  async function afterRefusal(owner: string): Promise<{ at: number; fullAt: number }> {
    const [row] = await store.ask(() => peek.execute({ owner }))
    // The clock is read after the row: whoever wrote it read theirs before, so a time beyond the depth is no sign of
    // another request that came between, but of a clock that stepped back, or a smaller burst. Nobody waits for that.
    const at = clock()
    const fullAt = row?.fullAt ?? at
    if (fullAt <= at + depth) return { at, fullAt }
    await store.ask(() => clamp.execute({ owner, seen: fullAt, full: at + depth }))
    return { at, fullAt: at + depth }
  }

  return {
    rpm,
    take: async owner => {
      let at = 0
      const [row] = await store.share(() => {
        // Read at each try: after a wait for another process's lock, time that has passed has refilled the bucket.
        at = clock()
        return take.execute({ owner, now: at, step, full: at + depth, first: at + step })
      })
      const allowed = row !== undefined
      const told = allowed ? { at, fullAt: row.fullAt } : await afterRefusal(owner)
      const wait = Math.max(0, told.fullAt - told.at)
      return {
        allowed,
        remaining: allowed ? Math.floor((depth - wait) / step) : 0,
        resetMs: wait / 1000,
        retryMs: allowed ? 0 : Math.max(1, (wait + step - depth) / 1000),
      }
    },
    refund: async owner => {
      await store.share(() => {
        const at = clock()
        return refund.execute({ owner, now: at, step, most: burst, ...minuteAround(at) })
      })
    },
    sweep: async () => {
      const stale = () => {
        const at = clock()
        return sweep.execute({ now: at, ...minuteAround(at) })
      }
      while ((await store.ask(stale)).length === SWEEP_ROWS) await Bun.sleep(0)
    },
  }
}

// Ahead of the clock too: else one that stepped back would keep a caller's refunds counted until it has caught up.
const minuteAround = (at: number) => ({ since: at - MINUTE + 1, until: at + MINUTE })

function statements({ db }: Store) {
  const [owner, now, step] = ['owner', 'now', 'step'].map(name => sql.placeholder(name))
  const full = sql.placeholder('full')
  // CASE in place of max(a, b): the two engines name that function differently.
  const next = sql`CASE WHEN ${limits.fullAt} > ${now} THEN ${limits.fullAt} ELSE ${now} END + ${step}`
  const less = sql`${limits.fullAt} - ${step}`
  const isForgotten = sql`${limits.refundedAt} NOT BETWEEN ${sql.placeholder('since')} AND ${sql.placeholder('until')}`
  const stale = db
    .select({ owner: limits.owner })
    .from(limits)
    .where(and(lt(limits.fullAt, sql`${now}`), isForgotten))
  return {
    /** One row if the request is allowed, none (and nothing written) if it is not. */
    take: db
      .insert(limits)
      .values({ owner: sql`${owner}`, fullAt: sql`${sql.placeholder('first')}` })
      .onConflictDoUpdate({ target: limits.owner, set: { fullAt: next }, setWhere: sql`${next} <= ${full}` })
      // Not get(): bun:sqlite's, on a RETURNING write, never checkpoints the WAL.
      .returning({ fullAt: limits.fullAt })
      .prepare(),
    peek: db
      .select({ fullAt: limits.fullAt })
      .from(limits)
      .where(eq(limits.owner, sql`${owner}`))
      .prepare(),
    /** Only what was looked at: between the look and this, another may have set it right and taken from it. */
    clamp: db
      .update(limits)
      .set({ fullAt: sql`${full}` })
      .where(and(eq(limits.owner, sql`${owner}`), eq(limits.fullAt, sql.placeholder('seen'))))
      .prepare(),
    refund: db
      .update(limits)
      .set({
        fullAt: sql`CASE WHEN ${less} > ${now} THEN ${less} ELSE ${now} END`,
        refunds: sql`CASE WHEN ${isForgotten} THEN 1 ELSE ${limits.refunds} + 1 END`,
        refundedAt: sql`${now}`,
      })
      .where(and(eq(limits.owner, sql`${owner}`), or(isForgotten, lt(limits.refunds, sql.placeholder('most')))))
      .prepare(),
    sweep: db
      .delete(limits)
      .where(inArray(limits.owner, stale.limit(SWEEP_ROWS)))
      .returning({ owner: limits.owner })
      .prepare(),
  }
}
