// After a longer wait the answer says too little.
const LONGEST_MS = 1000

/** What this machine's clock and the database's differ by. */
export interface Clocks {
  /** Milliseconds that the database's is ahead. */
  aheadMs(): number
  /** Looks at both, around an answer of the database's. */
  compare(ask: () => Promise<number>): Promise<void>
}

/** In SQL, the database's clock in milliseconds since the epoch. */
export const DATABASE_NOW = 'SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT) AS now'

/**
 * Two clocks, the database's against `now`. They differ only by as much as is certain: an answer that was given between
 * the asking and the coming, by both clocks, says that they agree.
 */
export function clocks(now: () => number): Clocks {
  let ahead = 0
  return {
    aheadMs: () => ahead,
    compare: async ask => {
      const asked = now()
      const there = await ask()
      const came = now()
      if (came - asked > LONGEST_MS) return
      ahead = there < asked ? there - asked : Math.max(0, there - came)
    },
  }
}
