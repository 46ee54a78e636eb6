import type { SQL } from 'bun'
import { ClusterFault, type ClusterFaultCode, type Member } from '../protocol/cluster.ts'
import type { PostgresAddress } from '../protocol/database-url.ts'
import { type Handle, poolAt, type Session } from './pool.ts'
import { isSame, type Primary, primaryAmong } from './primary.ts'

/** A cluster that says itself which of its servers is the primary. */
export interface Cluster {
  /** Who claims to be. @throws ClusterFault */
  readonly claims: () => Promise<readonly Member[]>
  /** How often it is asked though nothing fails. */
  readonly refreshMs: number
  /** Told what is found, once each time that it changes. */
  readonly told?: ((news: News) => void) | undefined
}

/** What there is to say of a cluster: which timeline its primary has, or why there is none. */
export type News =
  | { readonly kind: 'found' | 'changed'; readonly timeline: number }
  | { readonly kind: 'failed'; readonly code?: ClusterFaultCode; readonly cause: unknown }

/** What keeps a handle on the primary, wherever that goes. */
export interface Following {
  /** Where it is, as far as is known. */
  readonly primary: Primary
  /** How often it moved so far. */
  readonly moves: number
  /** Milliseconds since it was last known which one it is. */
  ageMs(): number
  /** Looks at once, for the one in force does not answer or takes no writes; again until one does. */
  lost(): void
  close(): void
}

interface Deps {
  readonly cluster: Cluster
  readonly handle: Handle
  /** As whom, and for which database. */
  readonly as: PostgresAddress
  readonly session: Session
  /** Told that statements go to another server now. */
  readonly moved?: (() => void) | undefined
}

// A promotion takes seconds, and each look some small requests.
const PAUSE_MS = 500

/**
 * Follows the primary of a cluster: one look at a time, so that none that took long comes after one that was begun later.
 * What failed is looked at again twice a second if somebody is waiting, else when it is due.
 */
export function following(first: Primary, { cluster, handle, as, session, moved }: Deps): Following {
  let primary = first
  let isLooking = false
  let isLost = false
  let isClosed = false
  let moves = 0
  let foundAt = performance.now()
  let lookedAt = Number.NEGATIVE_INFINITY
  let timer = setTimeout(look, cluster.refreshMs)
  const tell = teller(cluster.told)

  function lookIn(ms: number): void {
    clearTimeout(timer)
    if (!isClosed) timer = setTimeout(look, Math.max(0, ms))
  }

  async function look(): Promise<void> {
    const wasLost = isLost
    isLooking = true
    isLost = false
    lookedAt = performance.now()
    const stale = handle.pool()
    try {
      install(stale, await primaryAmong(await cluster.claims(), { as, session, known: primary }))
    } catch (cause) {
      isLost ||= wasLost || !isSilence(cause)
      tell.failed(cause)
    }
    isLooking = false
    lookIn(isLost ? lookedAt + PAUSE_MS - performance.now() : cluster.refreshMs)
  }

  function install(stale: SQL, found: Primary): void {
    const isMoved = !isSame(found, primary)
    const next = isMoved ? poolAt(found.address, session) : undefined
    if (next && !handle.replace(stale, next)) {
      // A pool to where it was took the place of one that was silent: what was found is as good, but not for that.
      isLost = true
      next.close().catch(() => undefined)
      return
    }
    primary = found
    foundAt = performance.now()
    moves += Number(isMoved)
    tell.found(found, isMoved)
    if (!isMoved) return
    // What was lost meanwhile was lost on the old one.
    isLost = false
    moved?.()
  }

  return {
    get primary() {
      return primary
    },
    get moves() {
      return moves
    },
    ageMs: () => performance.now() - foundAt,
    lost: () => {
      if (isLost) return
      isLost = true
      if (!isLooking) lookIn(lookedAt + PAUSE_MS - performance.now())
    },
    close: () => {
      isClosed = true
      clearTimeout(timer)
    },
  }
}

/** Whether nobody says who the primary is: then the one in force may well be. */
function isSilence(cause: unknown): boolean {
  return cause instanceof ClusterFault && (cause.code === 'no_answer' || cause.code === 'malformed')
}

/** Tells what is new, and nothing twice. */
function teller(told: Cluster['told']) {
  let failure: ClusterFaultCode | 'unknown' | undefined
  return {
    found: ({ timeline }: Primary, isMoved: boolean): void => {
      if (isMoved || failure !== undefined) told?.({ kind: isMoved ? 'changed' : 'found', timeline })
      failure = undefined
    },
    failed: (cause: unknown): void => {
      const code = cause instanceof ClusterFault ? cause.code : undefined
      if (failure === (code ?? 'unknown')) return
      failure = code ?? 'unknown'
      told?.({ kind: 'failed', ...(code && { code }), cause })
    },
  }
}
